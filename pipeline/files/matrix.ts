// A suite's file: its matrix, and the run file of each member. Members are made one at a time from their number, so that a suite
// of any size takes the memory of one.
import { nearestNames } from '../../core/text/nearest-names.js';
import type { FieldPath, Finding } from './problem.js';
import { shown } from './problem.js';
import { isSweptName } from './swept-names.js';

export type MatrixValue = string | number | boolean;
export type Matrix = Readonly<Record<string, readonly MatrixValue[]>>;

/** The fields of a file that make it a suite. */
export interface SuiteFields {
  readonly matrix: Matrix;
  readonly suite: string | null;
  readonly parallel: number;
}

const PARALLEL = 4;
/** Most members of one suite. */
export const MOST_MEMBERS = 100_000;
const PLACEHOLDER = /\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}/g;

/** Whether plain data of a file asks for a suite. */
export function isSuite(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'matrix' in value;
}

/** The suite's own fields, as far as they are well-formed; the rest is told by `matrixFindings`. */
export function suiteFields(value: Readonly<Record<string, unknown>>): SuiteFields {
  const { matrix, suite, parallel } = value;
  return {
    matrix: matrix as Matrix,
    suite: typeof suite === 'string' ? suite : null,
    parallel: typeof parallel === 'number' ? parallel : PARALLEL,
  };
}

/** Number of members: the product of the entries' lengths. */
export function memberCount(matrix: Matrix): number {
  return Object.values(matrix).reduce((n, values) => n * values.length, 1);
}

/** The values of a member, counted like digits: the last entry changes fastest. */
export function memberValues(matrix: Matrix, member: number): Readonly<Record<string, MatrixValue>> {
  const values: Record<string, MatrixValue> = {};
  let rest = member;
  for (const [name, list] of Object.entries(matrix).reverse()) {
    values[name] = list[rest % list.length] as MatrixValue;
    rest = Math.floor(rest / list.length);
  }
  return values;
}

/**
 * The run file of a member as plain data, without the suite's own fields. A value that is one placeholder alone takes the
 * type of the matrix's value; within a text it is written out.
 */
export function memberFile(value: Readonly<Record<string, unknown>>, member: number): Record<string, unknown> {
  const { matrix, suite: _suite, parallel: _parallel, ...rest } = value;
  const values = memberValues(matrix as Matrix, member);
  const fill = (item: unknown): unknown => {
    if (typeof item === 'string') return fillText(item, values);
    if (Array.isArray(item)) return item.map(fill);
    if (typeof item !== 'object' || item === null) return item;
    return Object.fromEntries(Object.entries(item).map(([key, inner]) => [key, fill(inner)]));
  };
  return fill(rest) as Record<string, unknown>;
}

/** The name of a member's run. */
export function memberName(value: Readonly<Record<string, unknown>>, member: number): string {
  const name = typeof value['name'] === 'string' ? value['name'] : '';
  return String(fillText(name, memberValues(value['matrix'] as Matrix, member)));
}

function fillText(text: string, values: Readonly<Record<string, MatrixValue>>): MatrixValue {
  const [whole] = [...text.matchAll(PLACEHOLDER)];
  const alone = whole?.[0] === text ? values[whole[1] ?? ''] : undefined;
  if (alone !== undefined) return alone;
  return text.replace(PLACEHOLDER, (found, name: string) => String(values[name] ?? found));
}

/** What is wrong with a suite's own fields and with the placeholders of its matrix. */
export function matrixFindings(value: Readonly<Record<string, unknown>>): Finding[] {
  return [...shapeOf(value), ...ownFields(value)];
}

const SUITE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const MOST_PARALLEL = 64;

/** `suite`, `parallel`, and fields that are one for all members. */
function ownFields({ suite, parallel, store, storeOptions }: Readonly<Record<string, unknown>>): Finding[] {
  const findings: Finding[] = [];
  if (suite !== undefined && (typeof suite !== 'string' || !SUITE_NAME.test(suite)))
    findings.push({
      path: ['suite'],
      expected: 'letters, digits, ".", "_" and "-" (at most 100), a letter or digit first',
      found: shown(suite),
      remedy: 'the name of a suite holds for all of its runs, so it has no placeholder',
    });
  const good = Number.isInteger(parallel) && (parallel as number) >= 1 && (parallel as number) <= MOST_PARALLEL;
  if (parallel !== undefined && !good)
    findings.push({
      path: ['parallel'],
      expected: `a whole number from 1 to ${String(MOST_PARALLEL)}`,
      found: shown(parallel),
      remedy: 'it says how many runs of the suite go at once',
    });
  if (/\{\{/.test(JSON.stringify([store ?? '', storeOptions ?? ''])))
    findings.push({
      path: [typeof store === 'string' && store.includes('{{') ? 'store' : 'storeOptions'],
      expected: 'one store for all runs of a suite',
      found: 'a placeholder',
      remedy: 'write the store out; the runs differ by their names',
    });
  return findings;
}

function shapeOf(value: Readonly<Record<string, unknown>>): Finding[] {
  const { matrix } = value;
  if (typeof matrix !== 'object' || matrix === null || Array.isArray(matrix)) {
    const remedy = 'write `matrix: { seed: [1, 2, 3] }`';
    return [{ path: ['matrix'], expected: 'a mapping of lists', found: shown(matrix), remedy }];
  }
  const entries = Object.entries(matrix as Record<string, unknown>);
  const shapes = entries.flatMap(([name, list]) => entryFindings(name, list));
  if (entries.length === 0)
    shapes.push({ path: ['matrix'], expected: 'at least one entry', found: 'none', remedy: 'remove `matrix`' });
  if (shapes.length > 0) return shapes;
  const count = memberCount(matrix as Matrix);
  if (count > MOST_MEMBERS) return [tooMany(count)];
  const wrong = [...nameFindings(value, entries), ...unknownPlaceholders(value, entries)];
  return wrong.length > 0 ? wrong : nameTwice(value, count);
}

function tooMany(count: number): Finding {
  const expected = `at most ${String(MOST_MEMBERS)} combinations`;
  return { path: ['matrix'], expected, found: String(count), remedy: 'split the suite' };
}

function entryFindings(name: string, list: unknown): Finding[] {
  const path = ['matrix', name];
  if (name === 'date' || name === 'hour')
    return [{ path, expected: 'another name', found: shown(name), remedy: "{{date}} and {{hour}} are a schedule's" }];
  if (Object.hasOwn(Object.prototype, name) || name === '__proto__')
    return [
      { path, expected: 'another name', found: shown(name), remedy: 'this one means something to the program itself' },
    ];
  const good = Array.isArray(list) && list.length > 0;
  if (!good)
    return [
      { path, expected: 'a list of texts, numbers or booleans', found: shown(list), remedy: 'give at least one value' },
    ];
  const bad = list.findIndex((item) => !isMatrixValue(item));
  if (bad >= 0) {
    const expected = 'a text, a finite number or a boolean';
    const remedy = 'nothing else can stand in a name; a text has no {{ in it';
    return [{ path: [...path, bad], expected, found: shown(list[bad] ?? null), remedy }];
  }
  const seen = new Set<string>();
  const twice = list.findIndex((item) => seen.size === seen.add(String(item)).size);
  if (twice < 0) return [];
  return [
    {
      path,
      expected: 'each value once',
      found: `${shown(list[twice])} twice`,
      remedy: 'remove one: two runs would have one name',
    },
  ];
}

function isMatrixValue(item: unknown): item is MatrixValue {
  if (typeof item === 'number') return Number.isFinite(item);
  return typeof item === 'boolean' || (typeof item === 'string' && !item.includes('{{'));
}

/** Combinations that format to one name would be one run. */
function nameTwice(value: Readonly<Record<string, unknown>>, count: number): Finding[] {
  const seen = new Map<string, number>();
  for (let member = 0; member < count; member++) {
    const name = memberName(value, member);
    const first = seen.get(name);
    if (first !== undefined) {
      const of = (one: number): string => JSON.stringify(memberValues(value['matrix'] as Matrix, one));
      const found = `${shown(name)} for ${of(first)} and for ${of(member)}`;
      const remedy = 'put a character between the placeholders that no value has';
      return [{ path: ['name'], expected: 'a name for each combination', found, remedy }];
    }
    seen.set(name, member);
  }
  return [];
}

function nameFindings(
  value: Readonly<Record<string, unknown>>,
  entries: readonly (readonly [string, unknown])[],
): Finding[] {
  const name = typeof value['name'] === 'string' ? value['name'] : '';
  const used = new Set([...name.matchAll(PLACEHOLDER)].map((match) => match[1]));
  const missing = entries.map(([entry]) => entry).filter((entry) => !used.has(entry));
  if (missing.length === 0) return [];
  const texts = missing.map((entry) => `{{${entry}}}`).join(' and ');
  return [
    {
      path: ['name'],
      expected: `a name with ${texts}`,
      found: shown(name),
      remedy: 'every run of a suite needs a name of its own',
    },
  ];
}

/** Placeholders that no entry fills; a schedule's are told by the rules of run files. */
function unknownPlaceholders(
  value: Readonly<Record<string, unknown>>,
  entries: readonly (readonly [string, unknown])[],
): Finding[] {
  const names = entries.map(([name]) => name);
  const look = (item: unknown, path: FieldPath): Finding[] => {
    if (typeof item === 'string')
      return [...item.matchAll(PLACEHOLDER)].flatMap((match) => {
        const name = match[1] ?? '';
        if (names.includes(name) || isSweptName(value, path, name)) return [];
        const near = nearestNames(name, names, 1)[0];
        const remedy = near === undefined ? `add \`${name}\` to the matrix` : `did you mean \`{{${near}}}\`?`;
        return [{ path, expected: 'an entry of the matrix', found: match[0], remedy }];
      });
    if (Array.isArray(item)) return item.flatMap((inner, i) => look(inner, [...path, i]));
    if (typeof item !== 'object' || item === null) return [];
    return Object.entries(item).flatMap(([key, inner]) => look(inner, [...path, key]));
  };
  return look(value, []);
}

/** The names of a suite's runs, one at a time. */
export function* memberNames({
  template,
  members,
}: {
  readonly template: Readonly<Record<string, unknown>>;
  readonly members: number;
}): Generator<string> {
  for (let member = 0; member < members; member++) yield memberName(template, member);
}
