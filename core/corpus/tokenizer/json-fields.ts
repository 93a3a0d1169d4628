// Typed access to the loosely typed parts of a tokenizer.json; unknown shapes are refused with what was found.
import { InputError } from '../../../schemas/errors.js';

export type Fields = Readonly<Record<string, unknown>>;

/** Whether a value is a JSON object. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A field that holds a string; `fallback` where it is absent. */
export function stringField(fields: Fields, name: string, fallback = ''): string {
  const value = fields[name];
  return typeof value === 'string' ? value : fallback;
}

/** A field that holds a boolean; `fallback` where it is absent or null. */
export function booleanField(fields: Fields, name: string, fallback: boolean): boolean {
  const value = fields[name];
  return typeof value === 'boolean' ? value : fallback;
}

/** A field that holds a list of objects. */
export function listField(fields: Fields, name: string): readonly Fields[] {
  const value = fields[name];
  return Array.isArray(value) ? value.filter(isFields) : [];
}

/** The error for a tokenizer whose tokens cannot be aligned with the text. */
export function unsupported(what: string, found: string, supported: string): InputError {
  return new InputError(
    `The tokenizer cannot be aligned with its text: expected ${what} to be one of ${supported}, found ${found}; ` +
      'convert the tokenizer to one of these, or tokenise with another one.',
    { what, found },
  );
}
