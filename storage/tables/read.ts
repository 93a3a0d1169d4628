// Reads tables into typed arrays: whole files (at most one object each) and single record batches by their byte range.
// Makes no row objects; text columns become strings.
import { readFile } from 'node:fs/promises';
import { DataType, Precision, RecordBatchReader, type RecordBatch, type Schema } from 'apache-arrow';
import { FORMAT_VERSION } from '../../schemas/stored.js';
import { DataError } from '../../schemas/errors.js';
import { ArrowFileEncoder } from '../arrow/file-writer.js';
import { initZstd } from '../arrow/zstd.js';
import { fromRecordBatch, tableSchema } from './arrow-columns.js';
import { joinColumn, unpackColumns, type ColumnData } from './column-data.js';
import { LAYOUTS, isTableName, type TableColumns, type TableName, type TableOptions } from './layouts.js';

/** A file's columns with what its schema says. */
export interface ReadTable<T extends TableName> {
  readonly table: T;
  readonly metadata: ReadonlyMap<string, string>;
  readonly rows: number;
  readonly columns: TableColumns[T];
}

/**
 * The columns and metadata of a whole file.
 * @param file path or bytes
 * @throws DataError where the file is damaged, of another table or of a newer format version
 */
export async function readTable<T extends TableName>(table: T, file: string | Uint8Array): Promise<ReadTable<T>> {
  await initZstd();
  const where = typeof file === 'string' ? file : `${file.length} bytes`;
  const bytes = aligned(typeof file === 'string' ? await readFile(file) : file);
  const { batches, metadata } = openFile(bytes, where);
  checkMetadata(table, metadata, where);
  const pieces = batches.map((batch) => fromRecordBatch(table, batch));
  const data = LAYOUTS[table].columns.map((spec, c) =>
    pieces.length === 0
      ? emptyColumn(
          spec.shape,
          spec.leaves.map((leaf) => leaf.type),
        )
      : joinColumn(pieces.map((piece) => piece[c] as ColumnData)),
  );
  return {
    table,
    metadata,
    rows: batches.reduce((sum, batch) => sum + batch.numRows, 0),
    columns: unpackColumns(table, data),
  };
}

/** Name of the table that a file holds, from its metadata. @throws DataError where it names none */
export function tableOf(metadata: ReadonlyMap<string, string>): TableName {
  const name = metadata.get('table') ?? '';
  if (isTableName(name)) return name;
  throw new DataError(
    `Expected a file of one of the tables ${Object.keys(LAYOUTS).join(', ')}, its metadata names "${name}"; it was not written by this project.`,
    { table: name },
  );
}

/** {doc [n], offsets [n + 1], ids, starts, ends} of a tokens file. */
export async function readTokensTable(file: string | Uint8Array): Promise<TableColumns['tokens']> {
  return (await readTable('tokens', file)).columns;
}

/** {id [n], text [n], meta [n]} of a source file. */
export async function readSourceTable(file: string | Uint8Array): Promise<TableColumns['source']> {
  return (await readTable('source', file)).columns;
}

/** {doc [n], pos [n], act [n · width]} of an activations file; `act` is halves or floats as stored. */
export async function readActivations(file: string | Uint8Array): Promise<TableColumns['activations']> {
  return (await readTable('activations', file)).columns;
}

/**
 * The columns of one record batch from its byte range (as its batch record states it).
 * @param options width and dtype (activations), k (top): as the table was written
 * @throws DataError where the bytes are not a batch of this table
 */
export async function decodeBatch<T extends TableName>(
  table: T,
  options: TableOptions,
  bytes: Uint8Array,
): Promise<TableColumns[T]> {
  await initZstd();
  let batch: RecordBatch | null;
  try {
    const reader = RecordBatchReader.from([schemaBytes(table, options), aligned(bytes)]);
    batch = reader.next().value as RecordBatch | null;
  } catch (error) {
    throw notABatch(table, bytes, error);
  }
  // Bytes that hold no message give a made-up batch without rows; none is ever written.
  if (!batch || batch.numRows === 0) throw notABatch(table, bytes, null);
  return unpackColumns(table, fromRecordBatch(table, batch));
}

const MAGIC_BYTES = 8;
const schemas = new Map<string, Uint8Array>();

/** The schema message that stands before batches of such a table in a stream. */
function schemaBytes(table: TableName, options: TableOptions): Uint8Array {
  const name = [table, options.width, options.dtype, options.k].join('/');
  const known = schemas.get(name);
  if (known) return known;
  const encoder = new ArrowFileEncoder(tableSchema(table, options), LAYOUTS[table].compressed);
  const bytes = new Uint8Array(Buffer.concat(encoder.takeChunks())).slice(MAGIC_BYTES);
  schemas.set(name, bytes);
  return bytes;
}

function openFile(bytes: Uint8Array, where: string): { batches: RecordBatch[]; metadata: Map<string, string> } {
  try {
    const reader = RecordBatchReader.from(bytes).open();
    // The reader forgets its schema once it has been read to the end.
    const { metadata } = reader.schema;
    // Of a file without rows it makes up a batch without columns.
    return { batches: [...reader].filter((batch) => batch.numRows > 0), metadata };
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw notAFile(where, error);
  }
}

function notAFile(where: string, error: unknown): DataError {
  return new DataError(
    `Expected an Arrow IPC file, ${where} cannot be read as one (${messageOf(error)}); run \`assay verify\` to find damaged objects.`,
    { file: where },
  );
}

function checkMetadata(table: TableName, metadata: ReadonlyMap<string, string>, where: string): void {
  const found = metadata.get('table');
  if (found !== table) {
    throw new DataError(
      `Expected a file of table "${table}", ${where} holds "${String(found)}"; give a file of that table.`,
      { file: where, expected: table, got: found },
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

const EMPTY = {
  u32: () => new Uint32Array(0),
  u64: () => new Float64Array(0),
  f16: () => new Uint16Array(0),
  f32: () => new Float32Array(0),
  f64: () => new Float64Array(0),
  bool: () => new Uint8Array(0),
  utf8: (): string[] => [],
  dtype: () => new Uint16Array(0),
} as const;

function emptyColumn(shape: 'one' | 'list' | 'width' | 'slots', leaves: readonly (keyof typeof EMPTY)[]): ColumnData {
  const column = { leaves: leaves.map((type) => EMPTY[type]()) };
  if (shape === 'list') return { ...column, offsets: new Uint32Array(1) };
  return shape === 'slots' ? { ...column, count: new Uint32Array(0) } : column;
}

function notABatch(table: TableName, bytes: Uint8Array, error: unknown): DataError {
  return new DataError(
    `Expected one record batch of table "${table}" in ${bytes.length} bytes, found none (${messageOf(error)}); run \`assay verify\` to find damaged objects.`,
    {
      table,
      bytes: bytes.length,
    },
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'no batch';
}

/**
 * What a file's schema says: its table and the options that the layout alone does not fix.
 * @param head the file's bytes up to its first record batch, or more
 * @throws DataError where the bytes do not begin an Arrow file of this project
 */
export function readTableOptions(
  head: Uint8Array,
  where: string,
): { readonly table: TableName; readonly options: TableOptions } {
  let schema: Schema;
  try {
    schema = RecordBatchReader.from(aligned(head.slice(MAGIC_BYTES))).open().schema;
  } catch (error) {
    throw notAFile(where, error);
  }
  const table = tableOf(schema.metadata);
  const fixed = schema.fields.map((field) => field.type as DataType).find((type) => DataType.isFixedSizeList(type));
  if (!fixed) return { table, options: {} };
  if (table === 'top') return { table, options: { k: fixed.listSize } };
  const item = fixed.valueType as DataType;
  const single = DataType.isFloat(item) && item.precision === Precision.SINGLE;
  return { table, options: { width: fixed.listSize, dtype: single ? 'float32' : 'float16' } };
}
