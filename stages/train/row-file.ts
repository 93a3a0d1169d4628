// Raw rows on the local disk, by which the worker hands blocks of activations to the compute child: act [rows · width] in
// the stored dtype, then doc [rows] u32, little-endian. Written block by block, so that the worker holds one block.
import { open, readFile } from 'node:fs/promises';
import { ResourceError } from '../../schemas/errors.js';
import type { ObjectRecord } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { newCounters, readBatches } from '../../storage/scan/batch-reader.js';
import type { Block, RowFile } from './messages.js';

export type StoredDtype = 'float16' | 'float32';

export interface RowSource {
  readonly store: ObjectStore;
  readonly objects: ReadonlyMap<string, ObjectRecord>;
  readonly width: number;
  readonly dtype: StoredDtype;
  readonly signal: AbortSignal;
}

/** Writes blocks, end to end, to a file. @throws DataError where a block is damaged */
export async function writeRowFile(path: string, blocks: readonly Block[], source: RowSource): Promise<RowFile> {
  const plan = blocks.map(({ object, index, batch }) => ({
    object: source.objects.get(object) as ObjectRecord,
    offset: batch.offset,
    length: batch.length,
    batches: [{ index, batch }],
  }));
  const documents: Uint32Array[] = [];
  const file = await open(path, 'w');
  let rows = 0;
  try {
    for await (const { columns } of readBatches('activations', plan, {
      ...source,
      counters: newCounters(),
    })) {
      await writeWhole(file, columns.act);
      documents.push(columns.doc);
      rows += columns.doc.length;
    }
    for (const doc of documents) await writeWhole(file, doc);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    const text = `Expected room for ${rows} rows of ${source.width} values at ${path}, the disk is full. Free space in the spool folder.`;
    throw new ResourceError(text, { path, rows });
  } finally {
    await file.close();
  }
  return { path, rows };
}

async function writeWhole(file: Awaited<ReturnType<typeof open>>, values: ArrayBufferView): Promise<void> {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at)).bytesWritten;
}

/** Rows in memory as stored. */
export interface StoredRows {
  readonly rows: number;
  readonly width: number;
  readonly act: Uint16Array | Float32Array;
  readonly doc: Uint32Array;
}

/** Reads a file written by `writeRowFile`. */
export async function readRowFile({ path, rows }: RowFile, width: number, dtype: StoredDtype): Promise<StoredRows> {
  const buffer = await readFile(path);
  const bytes = buffer.byteOffset % 8 === 0 ? buffer : new Uint8Array(buffer);
  const actBytes = rows * width * (dtype === 'float16' ? 2 : 4);
  const act =
    dtype === 'float16'
      ? new Uint16Array(bytes.buffer, bytes.byteOffset, rows * width)
      : new Float32Array(bytes.buffer, bytes.byteOffset, rows * width);
  // doc starts at a multiple of 4 unless rows · width is odd: then its few bytes are copied.
  const tail = new Uint8Array(bytes.subarray(actBytes, actBytes + 4 * rows));
  return { rows, width, act, doc: new Uint32Array(tail.buffer) };
}
