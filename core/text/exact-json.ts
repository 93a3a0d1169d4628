// The one rule from a value to JSON, for every reader of sources and for the rows of `sql`: no digit is lost. What a float64 holds
// is a JSON number. A whole number beyond ±2^53, a decimal that is no float64, NaN and the infinities are text with all their digits,
// because readers of JSON round such numbers without a word (RFC 7493, 2.2). A number of a JSON source stays the number that it is.
// Moments, days, times of day and durations are ISO 8601 with as many digits as they have; bytes are their text, or, where they are no
// UTF-8, `{"invalidUtf8": BASE64}`. Proved in tests/unit/core/text/exact-json.test.ts.

/** A JSON number that is written as it stands, digit by digit. */
export class NumberLiteral {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }

  /** For writers that do not know the class: the digits, as text. */
  toJSON(): string {
    return this.text;
  }
}

/** JSON of any value by the rule; members that are undefined are left out, as `JSON.stringify` does. @param indent spaces per level */
export function exactJson(value: unknown, indent = 0): string {
  return write(value, indent === 0 ? null : ' '.repeat(indent), '');
}

/** The value with every leaf by the rule: null, booleans, text, numbers and `NumberLiteral`s in arrays and objects. */
export function exactValue(value: unknown): unknown {
  if (typeof value === 'bigint') return exactInteger(value);
  if (typeof value === 'number') return exactNumber(value);
  if (typeof value !== 'object' || value === null || value instanceof NumberLiteral) return value;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Uint8Array) return exactBytes(value);
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as Iterable<unknown>, exactValue);
  if (Array.isArray(value)) return value.map(exactValue);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, exactValue(item)]));
}

/** A whole number. */
export function exactInteger(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

/** The decimal unscaled · 10^−scale. */
export function exactDecimal(unscaled: bigint, scale: number): number | string {
  const text = decimalText(unscaled, scale);
  const number = Number(text);
  const held = Number.isInteger(number) ? Number.isSafeInteger(number) : true;
  return held && !Object.is(number, -0) && decimalForm(JSON.stringify(number)) === decimalForm(text) ? number : text;
}

/** A float64. Whole ones whose shortest digits are not their value (1.2345678901234567e+19) keep an exponent, so that they read as floats. */
export function exactNumber(value: number): number | string | NumberLiteral {
  if (!Number.isFinite(value)) return String(value);
  if (Object.is(value, -0)) return new NumberLiteral('-0.0');
  return readsAsItself(value) ? value : new NumberLiteral(value.toExponential());
}

/** The number that a literal of a JSON text means: a float64 that gives the literal back, or the literal. */
export function exactLiteral(literal: string): number | NumberLiteral {
  const value = Number(literal);
  return givesBack(value, literal) ? value : new NumberLiteral(literal);
}

const DAY_MS = 86_400_000;
/** Digits of a second's fraction that a unit of time counts. */
const UNITS = { 3: 'milliseconds', 6: 'microseconds', 9: 'nanoseconds' } as const;

/** A moment in ISO 8601 (UTC). @param count of units of 10^−digits seconds since 1970 */
export function exactTime(count: bigint, digits: keyof typeof UNITS): string {
  const perMs = 10n ** BigInt(digits - 3);
  const rest = ((count % perMs) + perMs) % perMs;
  const moment = new Date(Number((count - rest) / perMs));
  if (Number.isNaN(moment.getTime())) return `${count.toString()} ${UNITS[digits]} after 1970-01-01T00:00:00Z`;
  const text = moment.toISOString();
  return rest === 0n ? text : `${text.slice(0, -1)}${rest.toString().padStart(digits - 3, '0')}Z`;
}

/** A day in ISO 8601, as its first moment. @param days since 1970-01-01 */
export function exactDay(days: number): string {
  const moment = new Date(days * DAY_MS);
  return Number.isNaN(moment.getTime()) ? `${days} days after 1970-01-01` : moment.toISOString();
}

/** A time of day in ISO 8601, up to 24:00:00, which is kept. @param count of units of 10^−digits seconds since midnight */
export function exactClock(count: bigint, digits: keyof typeof UNITS): string {
  const perSecond = 10n ** BigInt(digits);
  const seconds = Number(count / perSecond);
  if (count < 0n || count > 86_400n * perSecond) return `${count.toString()} ${UNITS[digits]} after midnight`;
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const fraction = (count % perSecond).toString().padStart(digits, '0');
  const kept = /^\d{3}0*$/.test(fraction) ? fraction.slice(0, 3) : fraction;
  return `${parts.map((part) => String(part).padStart(2, '0')).join(':')}.${kept}`;
}

export interface Duration {
  readonly months: number;
  readonly days: number;
  /** Units of 10^−digits seconds. */
  readonly count: bigint;
  readonly digits: 0 | keyof typeof UNITS;
}

/** A duration in ISO 8601: months, days and seconds with their own signs, none made of another. */
export function exactDuration({ months, days, count, digits }: Duration): string {
  const sign = count < 0n ? '-' : '';
  const size = (count < 0n ? -count : count).toString().padStart(digits + 1, '0');
  const whole = size.slice(0, size.length - digits);
  const fraction = size.slice(size.length - digits).replace(/0+$/, '');
  const date = `${months === 0 ? '' : `${months}M`}${days === 0 ? '' : `${days}D`}`;
  if (count === 0n && date !== '') return `P${date}`;
  return `P${date}T${sign}${whole}${fraction === '' ? '' : `.${fraction}`}S`;
}

/** Bytes: the text that they are; else an object, which is no text. */
export function exactBytes(bytes: Uint8Array): string | { readonly invalidUtf8: string } {
  try {
    return utf8.decode(bytes);
  } catch {
    return { invalidUtf8: Buffer.from(bytes).toString('base64') };
  }
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

function write(value: unknown, step: string | null, margin: string): string {
  const exact = typeof value === 'object' && value !== null && isPlain(value) ? value : exactValue(value);
  if (exact instanceof NumberLiteral) return exact.text;
  if (typeof exact !== 'object' || exact === null) return jsonOf(exact) ?? 'null';
  const inner = margin + (step ?? '');
  const items = Array.isArray(exact)
    ? exact.map((item) => write(item, step, inner))
    : Object.entries(exact)
        .filter(([, item]) => item !== undefined)
        .map(([name, item]) => `${JSON.stringify(name)}:${step === null ? '' : ' '}${write(item, step, inner)}`);
  const [open, close] = Array.isArray(exact) ? '[]' : '{}';
  if (items.length === 0) return `${open ?? ''}${close ?? ''}`;
  if (step === null) return `${open ?? ''}${items.join(',')}${close ?? ''}`;
  return `${open ?? ''}\n${inner}${items.join(`,\n${inner}`)}\n${margin}${close ?? ''}`;
}

/** JSON of a value that is no object; undefined for what JSON has no word for. */
const jsonOf: (value: unknown) => string | undefined = JSON.stringify;

/** Whether a value is an array or object that is written member by member. */
function isPlain(value: object): boolean {
  return !(value instanceof Date || value instanceof NumberLiteral || ArrayBuffer.isView(value));
}

function decimalText(unscaled: bigint, scale: number): string {
  if (scale === 0) return unscaled.toString();
  const sign = unscaled < 0n ? '-' : '';
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** Whether the digits that JavaScript writes of a finite number mean the number to a reader that knows whole numbers. */
function readsAsItself(value: number): boolean {
  if (!Number.isInteger(value) || Number.isSafeInteger(value)) return true;
  const text = String(value);
  return text.includes('e') || BigInt(value).toString() === text;
}

/** A float64 gives a literal back where its digits, or as many as the literal has, are the literal's. */
function givesBack(value: number, literal: string): boolean {
  if (!Number.isFinite(value) || Object.is(value, -0)) return false;
  if (/^-?\d+$/.test(literal)) return readsAsItself(value) && String(value) === literal;
  if (!readsAsItself(value)) return false;
  const form = decimalForm(literal);
  if (decimalForm(String(value)) === form) return true;
  const digits = literal
    .replace(/[eE].*$/, '')
    .replace(/\D/g, '')
    .replace(/^0+/, '').length;
  return digits > 0 && digits <= 100 && decimalForm(value.toPrecision(digits)) === form;
}

/** One text per decimal value: sign, digits without zeros at their ends, exponent. */
function decimalForm(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const kept = digits.replace(/0+$/, '');
  if (kept === '') return '0';
  return `${sign}${kept}e${Number(exponent) - fraction.length + digits.length - kept.length}`;
}
