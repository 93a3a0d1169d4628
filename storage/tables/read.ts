// Reads tables by their names, with the types of their rows.
import { DataError } from '../../schemas/errors.js';
import { optionsOf } from './arrow-types.js';
import type { TableOptions } from './columns.js';
import { LAYOUTS, isTableName, type Layout, type TableColumns, type TableName } from './layouts.js';
import { decodeRows, readRows, readSchema } from './rows-reader.js';

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
  const layout: Layout = LAYOUTS[table];
  const { metadata, rows, columns } = await readRows(layout, file);
  return { table, metadata, rows, columns: columns as TableColumns[T] };
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
  const layout: Layout = LAYOUTS[table];
  return (await decodeRows(layout, options, bytes)) as TableColumns[T];
}

/**
 * What a file's schema says: its table and the options that the table's row does not fix.
 * @param head the file's bytes up to its first record batch, or more
 * @throws DataError where the bytes do not begin an Arrow file of this project
 */
export function readTableOptions(
  head: Uint8Array,
  where: string,
): { readonly table: TableName; readonly options: TableOptions } {
  const schema = readSchema(head, where);
  const table = tableOf(schema.metadata);
  return { table, options: optionsOf(LAYOUTS[table], schema) };
}
