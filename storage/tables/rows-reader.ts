// Reads a table, by its row, into typed arrays: whole files (at most one object each) and single record batches by their byte
// range. Makes no row objects; text columns become strings.
import { readFile } from 'node:fs/promises';
import { RecordBatchReader, type RecordBatch, type Schema } from 'apache-arrow';
import { FORMAT_VERSION } from '../../schemas/stored.js';
import { DataError } from '../../schemas/errors.js';
import { ArrowFileEncoder } from '../arrow/file-writer.js';
import { initZstd } from '../arrow/zstd.js';
import { emptyColumn, fromRecordBatch } from './arrow-read.js';
import { optionsOf, tableSchema } from './arrow-types.js';
import { joinColumn, type ColumnData } from './column-data.js';
import type { Columns, MembersOf, TableOptions } from './columns.js';
import type { Layout } from './layouts.js';
import { unpackColumns } from './pack.js';

/** A file's columns with what its schema says. */
export interface ReadRows<C extends Columns> {
  readonly metadata: ReadonlyMap<string, string>;
  readonly rows: number;
  readonly columns: MembersOf<C>;
}

/**
 * The columns and metadata of a whole file.
 * @param file path or bytes
 * @throws DataError where the file is damaged, of another table or of a newer format version
 */
export async function readRows<C extends Columns>(layout: Layout<C>, file: string | Uint8Array): Promise<ReadRows<C>> {
  await initZstd();
  const where = typeof file === 'string' ? file : `${file.length} bytes`;
  const bytes = aligned(typeof file === 'string' ? await readFile(file) : file);
  const { batches, schema } = openFile(bytes, where);
  checkMetadata(layout, schema.metadata, where);
  const options = optionsOf(layout, schema);
  const pieces = batches.map((batch) => fromRecordBatch(layout, batch));
  const data = layout.columns.map((spec, c) =>
    pieces.length === 0 ? emptyColumn(spec, options) : joinColumn(pieces.map((piece) => piece[c] as ColumnData)),
  );
  return {
    metadata: schema.metadata,
    rows: batches.reduce((sum, batch) => sum + batch.numRows, 0),
    columns: unpackColumns(layout, data),
  };
}

/**
 * The columns of one record batch from its byte range (as its batch record states it).
 * @param options as the table was written
 * @throws DataError where the bytes are not a batch of this table
 */
export async function decodeRows<C extends Columns>(
  layout: Layout<C>,
  options: TableOptions,
  bytes: Uint8Array,
): Promise<MembersOf<C>> {
  await initZstd();
  let batch: RecordBatch | null;
  try {
    const reader = RecordBatchReader.from([schemaBytes(layout, options), aligned(bytes)]);
    batch = reader.next().value as RecordBatch | null;
  } catch (error) {
    throw notABatch(layout, bytes, error);
  }
  // Bytes that hold no message give a made-up batch without rows; none is ever written.
  if (!batch || batch.numRows === 0) throw notABatch(layout, bytes, null);
  return unpackColumns(layout, fromRecordBatch(layout, batch));
}

/**
 * The schema that a file begins with.
 * @param head the file's bytes up to its first record batch, or more
 * @throws DataError where the bytes do not begin an Arrow file of this project
 */
export function readSchema(head: Uint8Array, where: string): Schema {
  try {
    return RecordBatchReader.from(aligned(head.slice(MAGIC_BYTES))).open().schema;
  } catch (error) {
    throw notAFile(where, error);
  }
}

const MAGIC_BYTES = 8;
const schemas = new WeakMap<Layout, Map<string, Uint8Array>>();

/** The schema message that stands before batches of such a table in a stream. */
function schemaBytes(layout: Layout, options: TableOptions): Uint8Array {
  const known = schemas.get(layout) ?? new Map<string, Uint8Array>();
  schemas.set(layout, known);
  const name = [options.width, options.dtype, options.k].join('/');
  const found = known.get(name);
  if (found) return found;
  const encoder = new ArrowFileEncoder(tableSchema(layout, options), layout.compressed);
  const bytes = new Uint8Array(Buffer.concat(encoder.takeChunks())).slice(MAGIC_BYTES);
  known.set(name, bytes);
  return bytes;
}

function openFile(bytes: Uint8Array, where: string): { batches: RecordBatch[]; schema: Schema } {
  try {
    const reader = RecordBatchReader.from(bytes).open();
    // The reader forgets its schema once it has been read to the end.
    const { schema } = reader;
    // Of a file without rows it makes up a batch without columns.
    return { batches: [...reader].filter((batch) => batch.numRows > 0), schema };
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw notAFile(where, error);
  }
}

function checkMetadata({ name }: Layout, metadata: ReadonlyMap<string, string>, where: string): void {
  const found = metadata.get('table');
  if (found !== name) {
    throw new DataError(
      `Expected a file of table "${name}", ${where} holds "${String(found)}"; give a file of that table.`,
      { file: where, expected: name, got: found },
    );
  }
  const version = Number(metadata.get('formatVersion'));
  if (version > FORMAT_VERSION) {
    throw new DataError(
      `Expected format version ${FORMAT_VERSION} or older, ${where} has ${version}; read it with a newer release.`,
      { file: where, version },
    );
  }
}

/** Arrow needs its buffers at multiples of 8 bytes; a range cut out of a larger buffer may start anywhere. */
function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 8 === 0
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
    : new Uint8Array(bytes);
}

function notAFile(where: string, error: unknown): DataError {
  return new DataError(
    `Expected an Arrow IPC file, ${where} cannot be read as one (${messageOf(error)}); run \`assay verify\` to find damaged objects.`,
    { file: where },
  );
}

function notABatch({ name }: Layout, bytes: Uint8Array, error: unknown): DataError {
  return new DataError(
    `Expected one record batch of table "${name}" in ${bytes.length} bytes, found none (${messageOf(error)}); run \`assay verify\` to find damaged objects.`,
    { table: name, bytes: bytes.length },
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'no batch';
}
