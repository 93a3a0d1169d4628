// Raw rows on the local disk, by which the worker hands blocks of activations to the compute child: act [rows · width] in the
// stored dtype, site after site, then doc [rows] u32, little-endian. Written block by block, so that the worker holds one block
// of each site; rows of several sites are zipped by (doc, pos).
import { type FileHandle, open } from 'node:fs/promises';
import { DataError, ResourceError } from '../../schemas/errors.js';
import type { ObjectRecord } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { readInto } from '../../storage/files/local-file.js';
import { newCounters, readBatches } from '../../storage/scan/batch-reader.js';
import type { PlannedRange } from '../../storage/scan/planner.js';
import type { TableColumns } from '../../storage/tables/layouts.js';
import type { Block, RowFile } from './messages.js';

export type StoredDtype = 'float16' | 'float32';

export interface RowSource {
  readonly store: ObjectStore;
  /** Where rows lie: a site's activations, or those that were sorted by expert. */
  readonly table: 'activations' | 'routed';
  readonly objects: ReadonlyMap<string, ObjectRecord>;
  /** Width of each site. */
  readonly widths: readonly number[];
  readonly dtype: StoredDtype;
  readonly signal: AbortSignal;
}

type Columns = Pick<TableColumns['activations'], 'doc' | 'pos' | 'act'>;

/** Writes blocks, end to end, to a file. @throws DataError where a block is damaged or two sites hold other rows */
export async function writeRowFile(path: string, blocks: readonly Block[], source: RowSource): Promise<RowFile> {
  const rows = blocks.reduce((sum, block) => sum + block.rows, 0);
  const places = actOffsets(rows, source);
  const documents: Uint32Array[] = [];
  const file = await open(path, 'w');
  try {
    for await (const columns of readBlocks(blocks, source)) {
      for (const [site, { act }] of columns.entries()) places[site] = await writeAt(file, act, places[site] as number);
      documents.push((columns[0] as Columns).doc);
    }
    let end = places.at(-1) as number;
    for (const doc of documents) end = await writeAt(file, doc, end);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    const text = `Expected room for ${rows} rows of ${source.widths.join(' + ')} values at ${path}, the disk is full. Free space in the spool folder.`;
    throw new ResourceError(text, { path, rows });
  } finally {
    await file.close();
  }
  return { path, rows };
}

/** The columns of each block, one entry per site. */
async function* readBlocks(blocks: readonly Block[], source: RowSource): AsyncGenerator<readonly Columns[]> {
  const readers = source.widths.map((width, site) => {
    const plan = blocks.map((block) => rangeOf(block, site, source));
    return readBatches<RowSource['table']>(source.table, plan, { ...source, width, counters: newCounters() });
  });
  try {
    for (const block of blocks) {
      const batches = await Promise.all(readers.map((reader) => reader.next()));
      const columns = batches.map(({ value }) => (value as { readonly columns: Columns }).columns);
      checkSameRows(columns, block);
      yield columns;
    }
  } finally {
    await Promise.all(readers.map((reader) => reader.return(undefined)));
  }
}

function rangeOf(block: Block, site: number, { objects }: RowSource): PlannedRange {
  const { object, index, batch } = block.parts[site] as Block['parts'][number];
  return {
    object: objects.get(object) as ObjectRecord,
    offset: batch.offset,
    length: batch.length,
    batches: [{ index, batch }],
  };
}

/** @throws DataError where the sites of a block hold other rows, or another number of them than planned */
function checkSameRows(columns: readonly Columns[], { rows, parts }: Block): void {
  const [first, ...others] = columns as [Columns, ...Columns[]];
  const same = (a: Uint32Array, b: Uint32Array): boolean =>
    a.length === b.length && a.every((value, i) => b[i] === value);
  const bad = others.findIndex(({ doc, pos }) => !same(doc, first.doc) || !same(pos, first.pos));
  if (bad < 0 && first.doc.length === rows) return;
  const [a, b] = [parts[0]?.object ?? '', parts[bad + 1]?.object ?? ''];
  throw new DataError(
    bad < 0
      ? `Expected ${rows} rows in a record batch of ${a}, found ${first.doc.length}; run \`assay verify\`.`
      : `Expected the same rows (doc, pos) in ${a} and ${b}, found others; the two sites were not extracted from the same tokens: run \`assay resume --mode all\`.`,
    { objects: [a, b] },
  );
}

/** Where each site's values begin, and where they end. */
function actOffsets(
  rows: number,
  { widths, dtype }: { readonly widths: readonly number[]; readonly dtype: StoredDtype },
): number[] {
  const bytes = dtype === 'float16' ? 2 : 4;
  const offsets = [0];
  for (const width of widths.slice(0, -1)) offsets.push((offsets.at(-1) as number) + rows * width * bytes);
  return offsets;
}

/** Writes values at a place. @returns the place after them */
async function writeAt(file: FileHandle, values: ArrayBufferView, place: number): Promise<number> {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at, bytes.length - at, place + at)).bytesWritten;
  return place + bytes.length;
}

/** Rows in memory as stored. */
export interface StoredRows {
  readonly rows: number;
  /** act [rows · width] of each site. */
  readonly sites: readonly { readonly width: number; readonly act: Uint16Array | Float32Array }[];
  readonly doc: Uint32Array;
}

/** Reads a file written by `writeRowFile`, site by site. @throws DataError where it ends before its rows */
export async function readRowFile(
  { path, rows }: RowFile,
  widths: readonly number[],
  dtype: StoredDtype,
): Promise<StoredRows> {
  const Values = dtype === 'float16' ? Uint16Array : Float32Array;
  const file = await open(path, 'r');
  let at = 0;
  const fill = async <T extends Uint16Array | Float32Array | Uint32Array>(values: T): Promise<T> => {
    const filled = await readInto(file, new Uint8Array(values.buffer), at);
    at += filled;
    if (filled === values.byteLength) return values;
    throw new DataError(
      `Expected ${rows} rows of ${widths.join(' + ')} values in ${path}, found fewer; resume the run.`,
      {
        path,
        rows,
      },
    );
  };
  try {
    const sites: StoredRows['sites'][number][] = [];
    for (const width of widths) sites.push({ width, act: await fill(new Values(rows * width)) });
    return { rows, sites, doc: await fill(new Uint32Array(rows)) };
  } finally {
    await file.close();
  }
}
