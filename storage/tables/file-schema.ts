// What the schema at the head of a file says: its table, and the options that the table's row does not fix.
import { DataError } from '../../schemas/errors.js';
import { readSchemaMessage, type SchemaMessage } from '../arrow/messages.js';
import type { TableOptions } from './columns.js';
import { LAYOUTS, isTableName, type Layout, type TableName } from './layouts.js';

/** Name of the table that a file holds, from its metadata. @throws DataError where it names none */
function tableOf(metadata: ReadonlyMap<string, string>): TableName {
  const name = metadata.get('table') ?? '';
  if (isTableName(name)) return name;
  throw new DataError(
    `Expected a file of one of the tables ${Object.keys(LAYOUTS).join(', ')}, its metadata names "${name}"; it was not written by this project.`,
    { table: name },
  );
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

const MAGIC_BYTES = 8;

/** The schema that a file begins with. @throws DataError where the bytes do not begin an Arrow file of this project */
export function readSchema(head: Uint8Array, where: string): SchemaMessage {
  try {
    return readSchemaMessage(head.subarray(MAGIC_BYTES));
  } catch (error) {
    throw notAFile(where, error);
  }
}

/** Whether files of a table may differ in width, dtype or slots. */
export function hasOptions(layout: Layout): boolean {
  return layout.columns.some((spec) => spec.size !== null);
}

/** The options with which a file was written, from its schema. */
export function optionsOf(layout: Layout, schema: SchemaMessage): TableOptions {
  const options: { width?: number; k?: number; dtype?: 'float16' | 'float32' } = {};
  for (const spec of layout.columns) {
    const field = schema.fields.find(({ name }) => name === spec.name);
    if (spec.size === null || field?.listSize == null) continue;
    options[spec.size] = field.listSize;
    if (spec.item === 'dtype') options.dtype = field.single ? 'float32' : 'float16';
  }
  return options;
}

export function notAFile(where: string, error: unknown): DataError {
  return new DataError(
    `Expected an Arrow IPC file, ${where} cannot be read as one (${messageOf(error)}); run \`assay verify\` to find damaged objects.`,
    { file: where },
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'no schema';
}
