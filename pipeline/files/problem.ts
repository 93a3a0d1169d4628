// One thing wrong in a run file, where it stands, and how it is printed: one line each, like a compiler's.
import { InputError } from '../../schemas/errors.js';

export type FieldPath = readonly (string | number)[];

/** What is wrong, before its place in the text is known. */
export interface Finding {
  readonly path: FieldPath;
  /** Points at this key of the mapping at `path`, rather than at its value. */
  readonly key?: string;
  readonly expected: string;
  readonly found: string;
  readonly remedy: string;
}

export interface Problem {
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  readonly column: number;
  /** `saes[0].k`; empty where the whole file is meant. */
  readonly field: string;
  readonly expected: string;
  readonly found: string;
  readonly remedy: string;
}

/** `saes[0].k` */
export function fieldText(path: FieldPath): string {
  return path.map((part, i) => (typeof part === 'number' ? `[${String(part)}]` : i === 0 ? part : `.${part}`)).join('');
}

/** `run.yaml:12:5  saes[0].k: expected …, found … — remedy` */
export function problemText(problem: Problem): string {
  const field = problem.field === '' ? '' : `${problem.field}: `;
  const place = `${problem.file}:${String(problem.line)}:${String(problem.column)}`;
  return `${place}  ${field}expected ${problem.expected}, found ${problem.found} — ${problem.remedy}`;
}

/** All problems of a file as one error, in the order in which they stand in it. */
export function problemsError(problems: readonly Problem[]): InputError {
  const ordered = [...problems].sort((a, b) => a.line - b.line || a.column - b.column);
  const first = ordered[0];
  return new InputError(ordered.map(problemText).join('\n'), {
    file: first?.file,
    line: first?.line,
    field: first?.field,
    problems: ordered,
  });
}

const MOST_CHARACTERS = 60;

/** A value as it is shown in a message: short, strings quoted, credentials in URLs blanked. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object' && value !== null) return 'a mapping';
  const text = withoutSecrets(JSON.stringify(value));
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS - 1)}…` : text;
}

/** The text with user and password of URLs replaced by `***`. */
export function withoutSecrets(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/)[^/\s"'@]+@/gi, '$1***@');
}

/** Indices of values that stand earlier in the list already. */
export function repeated(values: readonly unknown[]): number[] {
  return values.flatMap((value, index) => (typeof value === 'string' && values.indexOf(value) < index ? [index] : []));
}
