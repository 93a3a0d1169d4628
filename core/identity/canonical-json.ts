// RFC 8785 canonical JSON: the one text form from which digests are made.
import { InputError } from '../../schemas/errors.js';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * Text of `value` with sorted keys and no white space (RFC 8785). Object members that are `undefined` are left out.
 * @throws InputError for values that JSON cannot hold (NaN, infinities, functions, bigint).
 */
export function canonicalJson(value: unknown): string {
  return write(value, '$');
}

function write(value: unknown, path: string): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw notJson(path, String(value));
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map((v, i) => write(v, `${path}[${i}]`)).join(',')}]`;
  if (typeof value === 'object') {
    const record = value as Record<string, unknown>;
    // RFC 8785 sorts by UTF-16 code units, which is what the default comparison of strings does.
    const keys = Object.keys(record)
      .filter((k) => record[k] !== undefined)
      .sort();
    return `{${keys.map((k) => `${JSON.stringify(k)}:${write(record[k], `${path}.${k}`)}`).join(',')}}`;
  }
  throw notJson(path, typeof value);
}

function notJson(path: string, found: string): InputError {
  return new InputError(`Expected a JSON value at ${path}, found ${found}; only JSON values can be part of a key.`, {
    path,
  });
}
