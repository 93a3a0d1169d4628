// Values of Parquet columns with all their digits, by the rule of core/text/exact-json.ts: what the library calls for logical types,
// and what is made of values that it is made to leave raw (parquet-columns.ts), because on its way they would lose something.
import type { SchemaElement } from 'hyparquet';
import {
  exactBytes,
  exactClock,
  exactDay,
  exactDecimal,
  exactDuration,
  exactTime,
  NumberLiteral,
} from '../../core/text/exact-json.js';
import { parseExactJson } from '../../core/text/parse-exact-json.js';

/**
 * What the library calls for the values of logical types. Byte columns are text; bytes that are not UTF-8 become an object, which is
 * no text.
 */
export const PARSERS = {
  stringFromBytes: (bytes: Uint8Array): unknown => exactBytes(bytes),
  timestampFromMilliseconds: (count: bigint | number): string => exactTime(BigInt(count), 3),
  timestampFromMicroseconds: (count: bigint | number): string => exactTime(BigInt(count), 6),
  timestampFromNanoseconds: (count: bigint | number): string => exactTime(BigInt(count), 9),
  dateFromDays: exactDay,
  /** Raw: other values in byte columns come this way too. */
  uuidFromBytes: (bytes: Uint8Array): unknown => bytes,
};

/** Units of a second: digits of its fraction. */
export type SecondDigits = 0 | 3 | 6 | 9;

export type Converter = (value: unknown) => unknown;

/** Whether the library would lose something of the values of a column, or refuse them. */
export function isRaw(element: SchemaElement): boolean {
  const { converted_type: converted, logical_type: logical } = element;
  return ['DECIMAL', 'INTERVAL', 'JSON', 'BSON'].includes(converted ?? '') || logical?.type === 'DECIMAL';
}

/**
 * What turns the value of a column, as the library gives it, into the one that is meant.
 * @param duration unit of a column of durations, which Parquet has as mere integers
 */
export function leafConverter(element: SchemaElement, duration: SecondDigits | null): Converter {
  const convert = converterOf(element, duration);
  return (value) => (value === null || value === undefined ? null : convert(value));
}

function converterOf(element: SchemaElement, duration: SecondDigits | null): Converter {
  const { converted_type: converted, logical_type: logical } = element;
  if (duration !== null)
    return (value) => exactDuration({ months: 0, days: 0, count: value as bigint, digits: duration });
  if (converted === 'DECIMAL' || logical?.type === 'DECIMAL') {
    const scale = element.scale ?? (logical?.type === 'DECIMAL' ? logical.scale : 0);
    return (value) => exactDecimal(unscaled(value), scale);
  }
  const digits = clockDigits(element);
  if (digits !== null) return (value) => exactClock(BigInt(value as bigint | number), digits);
  if (converted === 'INTERVAL') return (value) => intervalText(value as Uint8Array);
  if (converted === 'JSON') return (value) => parseExactJson(new TextDecoder().decode(value as Uint8Array));
  if (logical?.type === 'UUID') return (value) => uuidText(value as Uint8Array);
  return plain;
}

function clockDigits({ converted_type: converted, logical_type: logical }: SchemaElement): 3 | 6 | 9 | null {
  if (logical?.type === 'TIME') return ({ MILLIS: 3, MICROS: 6, NANOS: 9 } as const)[logical.unit];
  if (converted === 'TIME_MILLIS') return 3;
  return converted === 'TIME_MICROS' ? 6 : null;
}

/** Whole number of a decimal: an integer, or big-endian two's complement. */
function unscaled(value: unknown): bigint {
  if (!(value instanceof Uint8Array)) return BigInt(value as number | bigint);
  if (value.length === 0) return 0n;
  return BigInt.asIntN(value.length * 8, BigInt(`0x${Buffer.from(value).toString('hex')}`));
}

/** Months, days and milliseconds, each an unsigned integer of 32 bits, little-endian. */
function intervalText(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [months, days, millis] = [0, 4, 8].map((at) => view.getUint32(at, true)) as [number, number, number];
  return exactDuration({ months, days, count: BigInt(millis), digits: 3 });
}

function uuidText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}

/** A value by the one rule; what is absent is null. */
function plain(value: unknown): unknown {
  if (value === undefined) return null;
  if (value instanceof Uint8Array) return exactBytes(value);
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || value instanceof Date) return value;
  if (value instanceof NumberLiteral) return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
}
