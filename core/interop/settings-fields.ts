// Fields of a settings file that another program wrote (cfg.json, config.json, config.yaml): read by type, refused by name. Fields
// that are not asked for are left alone.
import { InputError } from '../../schemas/errors.js';

export class SettingsFields {
  /** What messages call the file. */
  readonly file: string;
  readonly #fields: Readonly<Record<string, unknown>>;

  /** @throws InputError where it is no object */
  constructor(file: string, value: unknown) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new InputError(`Expected settings (an object) in ${file}, found ${describe(value)}.`, { file });
    this.file = file;
    this.#fields = value as Record<string, unknown>;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** The value as it stands; undefined where it is missing or null. */
  get(name: string): unknown {
    return Object.hasOwn(this.#fields, name) ? (this.#fields[name] ?? undefined) : undefined;
  }

  text(name: string): string | null {
    const value = this.get(name);
    return typeof value === 'string' ? value : null;
  }

  boolean(name: string): boolean | null {
    const value = this.get(name);
    return typeof value === 'boolean' ? value : null;
  }

  number(name: string): number | null {
    const value = this.get(name);
    return typeof value === 'number' ? value : null;
  }

  /** A whole number from 1. @throws InputError where it is missing or anything else */
  size(name: string): number {
    const value = this.get(name);
    if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
    throw this.wrong(name, 'a whole number from 1', 'give the file that was saved with the weights');
  }

  /** The fields of an object; empty where it is missing. */
  inner(name: string): SettingsFields {
    return new SettingsFields(`${this.file}: ${name}`, this.get(name) ?? {});
  }

  wrong(name: string, expected: string, remedy: string): InputError {
    const found = describe(this.get(name));
    return new InputError(`Expected "${name}" of ${this.file} to be ${expected}, found ${found}; ${remedy}.`, {
      file: this.file,
      field: name,
      found: this.get(name) ?? null,
    });
  }
}

function describe(value: unknown): string {
  return value === undefined ? 'none' : JSON.stringify(value).slice(0, 80);
}
