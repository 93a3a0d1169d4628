// Values of Parquet columns with all their digits. The library turns decimals into floats on its way; here they come through raw,
// are found by the schema, and become exact numbers by the rule of core/text/exact-json.ts. Times come as ISO 8601.
import { isUtf8 } from 'node:buffer';
import { parquetSchema } from 'hyparquet';
import type { FileMetaData, SchemaElement, SchemaTree } from 'hyparquet';
import { exactDay, exactDecimal, exactTime } from '../../core/text/exact-json.js';
import { parseExactJson } from '../../core/text/parse-exact-json.js';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * What the library calls for the values of logical types. Byte columns are text; bytes that are not UTF-8 become an object, which is
 * no text.
 */
export const PARSERS = {
  stringFromBytes: (bytes: Uint8Array): unknown =>
    isUtf8(bytes) ? decoder.decode(bytes) : { invalidUtf8: Buffer.from(bytes).toString('base64') },
  jsonFromBytes: (bytes: Uint8Array): unknown => parseExactJson(decoder.decode(bytes)),
  timestampFromMilliseconds: (count: bigint | number): string => exactTime(BigInt(count), 3),
  timestampFromMicroseconds: (count: bigint | number): string => exactTime(BigInt(count), 6),
  timestampFromNanoseconds: (count: bigint | number): string => exactTime(BigInt(count), 9),
  dateFromDays: exactDay,
  /** Raw: decimals in byte columns come this way too. */
  uuidFromBytes: (bytes: Uint8Array): unknown => bytes,
};

export interface ExactColumns {
  /** The metadata with which to read. */
  readonly metadata: FileMetaData;
  /** The fields of a row as they are meant. */
  readonly fieldsOf: (row: Readonly<Record<string, unknown>>) => Record<string, unknown>;
}

/** How the rows of a file are read without loss. */
export function exactColumns(metadata: FileMetaData): ExactColumns {
  const columns = parquetSchema(metadata).children.map((node) => [node.element.name, converterOf(node)] as const);
  const converters = new Map(columns.filter(([, convert]) => convert !== null));
  const decimals = new Set<SchemaElement>();
  collectDecimals(parquetSchema(metadata), decimals);
  return {
    metadata: { ...metadata, schema: metadata.schema.map((one) => (decimals.has(one) ? withoutType(one) : one)) },
    fieldsOf: (row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [name, plain((converters.get(name) ?? same)(value))]),
      ),
  };
}

type Converter = (value: unknown) => unknown;
const same: Converter = (value) => value;

function isDecimal({ converted_type, logical_type }: SchemaElement): boolean {
  return converted_type === 'DECIMAL' || logical_type?.type === 'DECIMAL';
}

/** Keys of maps stay as the library has them: they are names. */
function collectDecimals(node: SchemaTree, found: Set<SchemaElement>): void {
  const isMap = node.element.converted_type === 'MAP';
  for (const child of node.children) collectDecimals(child, found);
  const key = isMap ? node.children[0]?.children[0]?.element : undefined;
  if (key) found.delete(key);
  if (node.children.length === 0 && isDecimal(node.element)) found.add(node.element);
}

/** The element without its decimal type; bytes would be read as text, which the type of a UUID prevents. */
function withoutType(element: SchemaElement): SchemaElement {
  const { converted_type: _converted, logical_type: _logical, ...rest } = element;
  return element.type === 'BYTE_ARRAY' ? { ...rest, logical_type: { type: 'UUID' } } : rest;
}

/** What turns a raw value of a column into the one that is meant; null where nothing is raw in it. */
function converterOf(node: SchemaTree): Converter | null {
  const { element, children } = node;
  const [only] = children;
  if (element.logical_type?.type === 'VARIANT') return null;
  if (!only) return repeated(leafConverter(element), element.repetition_type === 'REPEATED');
  if (element.converted_type === 'LIST' && children.length === 1) {
    const inner = converterOf(only.children.length === 1 && only.children[0] ? only.children[0] : only);
    return inner && ((value) => (Array.isArray(value) ? value.map(inner) : inner(value)));
  }
  if (element.converted_type === 'MAP' && children.length === 1) {
    const inner = only.children[1] ? converterOf(only.children[1]) : null;
    return inner && ((value) => mapMembers(value, () => inner));
  }
  const members = new Map(children.map((child) => [child.element.name, converterOf(child)] as const));
  if ([...members.values()].every((one) => one === null)) return null;
  const struct: Converter = (value) => mapMembers(value, (name) => members.get(name) ?? same);
  return repeated(struct, element.repetition_type === 'REPEATED');
}

function repeated(convert: Converter | null, isList: boolean): Converter | null {
  if (!isList || !convert) return convert;
  return (value) => (Array.isArray(value) ? value.map(convert) : convert(value));
}

function mapMembers(value: unknown, converterFor: (name: string) => Converter): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, converterFor(name)(item)]));
}

function leafConverter(element: SchemaElement): Converter | null {
  if (isDecimal(element)) {
    const logical = element.logical_type;
    const scale = element.scale ?? (logical?.type === 'DECIMAL' ? logical.scale : 0);
    return (value) => (value === null || value === undefined ? value : exactDecimal(unscaled(value), scale));
  }
  if (element.logical_type?.type !== 'UUID') return null;
  return (value) => (value instanceof Uint8Array ? uuidText(value) : value);
}

/** Whole number of a decimal: an integer, or big-endian two's complement. */
function unscaled(value: unknown): bigint {
  if (!(value instanceof Uint8Array)) return BigInt(value as number | bigint);
  if (value.length === 0) return 0n;
  return BigInt.asIntN(value.length * 8, BigInt(`0x${Buffer.from(value).toString('hex')}`));
}

function uuidText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}

/** Bytes as numbers, as fixed-width columns have been from the start. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Array.from(value);
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || value instanceof Date) return value;
  if (Array.isArray(value)) return value.map(plain);
  const { constructor } = value as { readonly constructor?: unknown };
  if (constructor !== Object && constructor !== undefined) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
}
