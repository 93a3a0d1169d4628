// Reads config.json field by field and remembers which were read: a field that nobody asked for and that is not known to be
// without effect is refused by name, so that no setting that could change values is ignored in silence.
import { shownName } from '../onnx/shown-name.js';
import { InputError } from '../../schemas/errors.js';
import { HARMLESS_FIELDS } from './harmless-fields.js';

/** What to do where a model is not one that we write. */
export const EXPORT_ADVICE =
  'Export the model with torch.onnx into this folder as model.onnx instead (docs/engine.md, "Folders")';

/** Most unknown fields that a message lists. */
const MANY = 30;
/** Largest size, count or position that a configuration may state. */
const MAX_COUNT = 2 ** 31 - 1;

/** The fields of one JSON object. */
export class ConfigFields {
  readonly #values: ReadonlyMap<string, unknown>;
  readonly #read = new Set<string>();
  readonly #inner: ConfigFields[] = [];
  /** Where the object lies in the file: empty, or `rope_parameters.` */
  readonly #prefix: string;

  /** @throws InputError where `json` is no object */
  constructor(json: unknown, prefix = '') {
    this.#prefix = prefix;
    if (typeof json !== 'object' || json === null || Array.isArray(json))
      throw new InputError(
        `Expected ${prefix === '' ? 'config.json' : prefix.slice(0, -1)} to hold a JSON object, found ${shown(json)}. Save the model anew with save_pretrained.`,
      );
    this.#values = new Map(Object.entries(json));
  }

  /** Whether the field is there and not null. */
  has(name: string): boolean {
    return (this.#values.get(name) ?? null) !== null;
  }

  /** Whether the field is there, null or not: where null means "none" and nothing means a default. */
  states(name: string): boolean {
    return this.#values.has(name);
  }

  /** The value as it stands; null where it is missing or null. */
  take(name: string): unknown {
    this.#read.add(name);
    return this.#values.get(name) ?? null;
  }

  /** A whole number of at least 1. @throws InputError where it is none, or missing without a default */
  count(name: string, otherwise?: number): number {
    return this.#whole(name, 1, otherwise);
  }

  /** A whole number of at least 0. */
  index(name: string, otherwise: number): number {
    return this.#whole(name, 0, otherwise);
  }

  #whole(name: string, least: number, otherwise?: number): number {
    const expected = `a whole number of at least ${least}`;
    const value = this.#given(name, otherwise, expected);
    if (!Number.isInteger(value) || (value as number) < least) throw this.wrong(name, expected);
    if ((value as number) <= MAX_COUNT) return value as number;
    throw this.wrong(name, `a whole number of at most ${MAX_COUNT}`);
  }

  /** As `count`, null where missing or null. */
  optionalCount(name: string): number | null {
    return this.take(name) === null ? null : this.count(name);
  }

  /** A number above 0. @throws InputError where it is none, or missing without a default */
  positive(name: string, otherwise?: number): number {
    const value = this.#given(name, otherwise, 'a number above 0');
    if (typeof value === 'number' && value > 0 && Number.isFinite(value)) return value;
    throw this.wrong(name, 'a number above 0');
  }

  /** As `positive`, null where missing or null. */
  optionalPositive(name: string): number | null {
    return this.take(name) === null ? null : this.positive(name);
  }

  /** true or false. */
  flag(name: string, otherwise: boolean): boolean {
    const value = this.#given(name, otherwise, 'true or false');
    if (typeof value === 'boolean') return value;
    throw this.wrong(name, 'true or false');
  }

  /** One of some texts. */
  choice<T extends string>(name: string, allowed: readonly T[], otherwise?: T): T {
    const expected = `one of ${allowed.join(', ')}`;
    const value = this.#given(name, otherwise, expected);
    const found = allowed.find((one) => one === value);
    if (found !== undefined) return found;
    throw this.wrong(name, expected, EXPORT_ADVICE);
  }

  /** The value, or the family's own where the field is missing. null is no value: to transformers 4 it is false or fails. */
  #given(name: string, otherwise: unknown, expected: string): unknown {
    const value = this.take(name);
    if (value !== null) return value;
    if (!this.states(name)) return otherwise;
    const advice = otherwise === undefined ? '' : `, or remove the field where it is to be ${shown(otherwise)}`;
    throw this.wrong(name, expected, `Give the value that the model was trained with${advice}`);
  }

  /** The fields of an object in a field, null where missing or null; what it holds is finished with the fields around it. */
  object(name: string): ConfigFields | null {
    const value = this.take(name);
    if (value === null) return null;
    const inner = new ConfigFields(value, `${this.#prefix}${name}.`);
    this.#inner.push(inner);
    return inner;
  }

  /** Accepts a field only with one of these values (or missing, or null): others would change the model's values. */
  only(name: string, allowed: readonly unknown[], advice = EXPORT_ADVICE): void {
    const value = this.take(name);
    if (value === null || allowed.includes(value)) return;
    const what = allowed.length === 0 ? 'unset' : `as ${allowed.map(shown).join(' or ')}`;
    throw new InputError(
      `Expected ${this.#prefix}${name} ${what}, found ${shown(value)}: this would change the model's values and is not supported. ${advice}.`,
      { field: this.#prefix + name, value },
    );
  }

  /** Fields that were read by other means, or are without effect here. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.#read.add(name);
  }

  /** @throws InputError with every field that nobody read and that is not known to be without effect, those of objects inside too */
  finish(): void {
    const unknown = this.#unread();
    const [first] = unknown;
    if (first === undefined) return;
    const listed = unknown.slice(0, MANY).map(({ field, value }) => `${shownName(field)} = ${shown(value)}`);
    if (unknown.length > MANY) listed.push(`${unknown.length - MANY} more`);
    const advice =
      unknown.length === 1 ? 'Where it has no effect on them, remove it' : 'Remove those that have no effect on them';
    throw new InputError(
      `Expected known fields, found ${joined(listed)}, which could change the model's values. ${advice} from config.json. Else: ${EXPORT_ADVICE}.`,
      { ...first, fields: unknown.map(({ field }) => field) },
    );
  }

  #unread(): { readonly field: string; readonly value: unknown }[] {
    const own = [...this.#values]
      .filter(([name, value]) => !this.#read.has(name) && value !== null)
      .filter(([name]) => this.#prefix !== '' || !HARMLESS_FIELDS.has(name))
      .map(([name, value]) => ({ field: this.#prefix + name, value }));
    return [...own, ...this.#inner.flatMap((inner) => inner.#unread())];
  }

  /** An error about one field. */
  wrong(name: string, expected: string, advice = 'Correct config.json'): InputError {
    const value = this.#values.get(name);
    return new InputError(
      `Expected ${this.#prefix}${name} to be ${expected}, found ${value === undefined ? 'nothing' : shown(value)}. ${advice}.`,
      { field: this.#prefix + name, value },
    );
  }
}

/** A value of a file as a message may show it. */
export function shown(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length <= 120 ? text : `${text.slice(0, 117)}...`;
}

/** `a, b and c`. */
function joined(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1) ?? ''}`;
}
