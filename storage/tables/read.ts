// Reads whole files of tables by their names, with the types of their rows.
import { LAYOUTS, type Layout, type TableColumns, type TableName } from './layouts.js';
import { readRows } from './rows-reader.js';

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
