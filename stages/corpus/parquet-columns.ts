// Rows of a Parquet file without loss: which columns the library reads raw, and what is made of its rows by the schema. Maps come as
// the lists of pairs that they are stored as, because objects would keep only the last of a repeated key.
import { parquetSchema } from 'hyparquet';
import type { FileMetaData, SchemaElement, SchemaTree } from 'hyparquet';
import type { DataType, Field as AnyField } from 'apache-arrow';
import { NumberLiteral } from '../../core/text/exact-json.js';
import { DataError } from '../../schemas/errors.js';
import { arrow } from '../../storage/arrow/library.js';
import { isRaw, leafConverter, type Converter, type SecondDigits } from './parquet-values.js';

type Field = AnyField<DataType>;

export interface ExactColumns {
  /** The metadata with which to read. */
  readonly metadata: FileMetaData;
  /** The fields of a row as they are meant. @throws SyntaxError, RangeError, RepeatedMember of a column of JSON */
  readonly fieldsOf: (row: Readonly<Record<string, unknown>>) => Record<string, unknown>;
}

/**
 * How the rows of a file are read without loss.
 * @param name of the file for messages
 * @throws DataError where two columns of a group have one name
 */
export function exactColumns(metadata: FileMetaData, name: string): ExactColumns {
  const root = parquetSchema(metadata);
  checkNames(root, name);
  const types = arrowFields(metadata);
  const converters = new Map(
    root.children.map((node) => [node.element.name, converterOf(node, types.get(node.element.name))] as const),
  );
  const raw = new Map<SchemaElement, SchemaElement>();
  collectRaw(root, raw);
  return {
    metadata: { ...metadata, schema: metadata.schema.map((one) => raw.get(one) ?? one) },
    fieldsOf: (row) =>
      Object.fromEntries(Object.entries(row).map(([column, value]) => [column, converters.get(column)?.(value)])),
  };
}

function checkNames({ children, path }: SchemaTree, file: string): void {
  const names = children.map(({ element }) => element.name);
  const twice = names.find((name, i) => names.indexOf(name) < i || name === '__proto__');
  if (twice !== undefined) {
    const column = [...path, twice].join('.');
    throw new DataError(
      `Expected the columns of ${file} to have names of their own, found "${column}" ${twice === '__proto__' ? 'among them' : 'twice'}; rename it in the file.`,
      { file, column },
    );
  }
  for (const child of children) checkNames(child, file);
}

/** Elements that the library is to take for others. Variants it reads by their own types. */
function collectRaw(node: SchemaTree, found: Map<SchemaElement, SchemaElement>): void {
  const { element, children } = node;
  if (element.logical_type?.type === 'VARIANT') return;
  if (isMap(node) || (children.length === 0 && isRaw(element))) found.set(element, withoutType(element));
  for (const child of children) collectRaw(child, found);
}

/** The element without its logical type; bytes would be read as text, which the type of a UUID prevents. */
function withoutType(element: SchemaElement): SchemaElement {
  const { converted_type: _converted, logical_type: _logical, ...rest } = element;
  return element.type === 'BYTE_ARRAY' ? { ...rest, logical_type: { type: 'UUID' } } : rest;
}

function isMap({ element, children: [pairs, ...more] }: SchemaTree): boolean {
  if (element.converted_type !== 'MAP' && element.logical_type?.type !== 'MAP') return false;
  return more.length === 0 && pairs?.element.repetition_type === 'REPEATED' && pairs.children.length === 2;
}

/** What turns a value of a column into the one that is meant. @param field its type in Arrow, where the file states it */
function converterOf(node: SchemaTree, field: Field | undefined): Converter {
  const { element, children } = node;
  const [only] = children;
  const inner = childrenOf(field?.type);
  if (element.logical_type?.type === 'VARIANT') return leafConverter(element, null);
  if (!only) return repeated(node, leafConverter(element, durationDigits(field?.type)));
  if (isMap(node)) return mapConverter(only, childrenOf(inner[0]?.type));
  if (element.converted_type === 'LIST' && children.length === 1) {
    const item = converterOf(only.children.length === 1 && only.children[0] ? only.children[0] : only, inner[0]);
    return (value) => (Array.isArray(value) ? value.map(item) : item(value));
  }
  const named = new Map(inner.map((one) => [one.name, one] as const));
  const members = children.map(
    (child) => [child.element.name, converterOf(child, named.get(child.element.name))] as const,
  );
  const struct = (value: object): unknown =>
    Object.fromEntries(
      members.map(([name, convert]) => [name, convert((value as Readonly<Record<string, unknown>>)[name])]),
    );
  return repeated(node, (value) => (typeof value === 'object' && value !== null ? struct(value) : null));
}

function repeated({ element }: SchemaTree, convert: Converter): Converter {
  if (element.repetition_type !== 'REPEATED') return convert;
  return (value) => (Array.isArray(value) ? value.map(convert) : convert(value));
}

/** An object of the keys; a list of keys and values where a key stands twice, or is no name. */
function mapConverter(pairs: SchemaTree, fields: readonly Field[]): Converter {
  const [key, item] = pairs.children as [SchemaTree, SchemaTree];
  const [keyOf, valueOf] = [converterOf(key, fields[0]), converterOf(item, fields[1])];
  return (value) => {
    if (typeof value !== 'object' || value === null) return null;
    const found = ((value as Readonly<Record<string, unknown>>)[pairs.element.name] ?? []) as Record<string, unknown>[];
    const entries = found.map((pair) => [keyOf(pair[key.element.name]), valueOf(pair[item.element.name])] as const);
    const names = entries.map(([one]) => nameOf(one));
    if (names.includes(null) || new Set(names).size < names.length)
      return entries.map(([one, of]) => ({ key: one, value: of }));
    return Object.fromEntries(entries.map(([, of], i) => [names[i] as string, of]));
  };
}

function nameOf(key: unknown): string | null {
  if (key instanceof NumberLiteral) return key.text;
  if (typeof key === 'string') return key;
  return typeof key === 'number' || typeof key === 'bigint' || typeof key === 'boolean' ? String(key) : null;
}

/** The types in Arrow of a file's columns, where its writer has stated them: only they tell durations from integers. */
function arrowFields(metadata: FileMetaData): ReadonlyMap<string, Field> {
  const stated = metadata.key_value_metadata?.find(({ key }) => key === 'ARROW:schema')?.value;
  if (stated === undefined) return new Map();
  try {
    const { fields } = arrow.tableFromIPC(Buffer.from(stated, 'base64')).schema;
    return new Map(fields.map((field) => [field.name, field]));
  } catch {
    // A type that the library does not know: Parquet's own types are what there is.
    return new Map();
  }
}

function childrenOf(type: DataType | undefined): readonly Field[] {
  return type?.children ?? [];
}

function durationDigits(type: DataType | undefined): SecondDigits | null {
  if (!arrow.DataType.isDuration(type)) return null;
  const digits: Readonly<Record<number, SecondDigits>> = { 0: 0, 1: 3, 2: 6, 3: 9 };
  return digits[type.unit] ?? null;
}
