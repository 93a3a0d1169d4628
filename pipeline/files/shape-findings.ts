// What zod found wrong in a run file's shape, told as findings: expected, found, and what to do about it.
import type { z } from 'zod';
import { fieldsNamed, keysOf, nodeAt } from './json-schema.js';
import type { JsonSchemaNode } from './json-schema.js';
import { nearestNames } from '../../core/text/nearest-names.js';
import { fieldText, shown, type FieldPath, type Finding } from './problem.js';

type Issue = z.core.$ZodIssue;

export interface ShapeContext {
  readonly schema: JsonSchemaNode;
  /** Of the checked-in schema; run-file where nothing is said. */
  readonly schemaName?: string;
  /** The file's plain data. */
  readonly value: unknown;
}

/** One finding per wrong field; several for a mapping with several unknown keys. */
export function shapeFindings(issues: readonly Issue[], context: ShapeContext): Finding[] {
  const findings = issues.flatMap((issue) => issueFindings(issue, [], context));
  // A misspelt key and the field that is missing for it are one mistake.
  const meant = new Set(findings.flatMap(({ meant: field }) => (field === undefined ? [] : [field])));
  return findings.filter(({ found, path }) => found !== NOTHING || !meant.has(fieldText(path)));
}

interface ShapeFinding extends Finding {
  /** The field that an unknown key seems to mean. */
  readonly meant?: string;
}

const NOTHING = shown(undefined);

function issueFindings(issue: Issue, above: FieldPath, context: ShapeContext): ShapeFinding[] {
  const path = [...above, ...issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))];
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(path, key, context));
  if (issue.code === 'invalid_union') return unionFindings(issue, path, context);
  const found = shown(valueAt(context.value, path));
  const whole = nodeAt(context.schema, path)?.type === 'integer';
  const remedy = issue.code === 'invalid_value' ? valueRemedy(issue.values, path, context) : remedyFor(path, context);
  return [{ path, expected: expectedText(issue, whole), found, remedy }];
}

/** What a value should have been. `whole`: the schema wants a whole number there. */
function expectedText(issue: Issue, whole: boolean): string {
  switch (issue.code) {
    case 'invalid_value':
      return `one of ${issue.values.map(String).join(', ')}`;
    case 'invalid_type':
      return typeText(whole ? 'int' : issue.expected);
    case 'too_small':
      return boundText(issue.origin, issue.minimum, issue.inclusive ? 'at least' : 'greater than');
    case 'too_big':
      return boundText(issue.origin, issue.maximum, issue.inclusive ? 'at most' : 'less than');
    case 'invalid_format':
      return issue.format === 'url' ? 'a URL' : issue.message;
    default:
      return issue.message.replace(/^must not be/, 'a name other than').replace(' must ', ' to ');
  }
}

/** Of the alternatives, the one that comes nearest to what was written. */
function unionFindings(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  path: FieldPath,
  context: ShapeContext,
): ShapeFinding[] {
  const value = valueAt(context.value, path);
  const fitting = issue.errors.filter(
    (errors) => !errors.some((e) => e.path.length === 0 && e.code === 'invalid_type'),
  );
  const wanted = typeof value === 'object' && value !== null ? fitting : [];
  const ranked = wanted
    .map((errors) => ({
      errors,
      weight: errors.reduce((sum, e) => sum + (e.code === 'unrecognized_keys' ? 2 * e.keys.length : 1), 0),
    }))
    .sort((a, b) => a.weight - b.weight);
  const best = ranked[0];
  if (best !== undefined) return best.errors.flatMap((inner) => issueFindings(inner, path, context));
  return [
    {
      path,
      expected: unionText(issue.errors),
      found: shown(value),
      remedy: remedyFor(path, context),
    },
  ];
}

function unionText(errors: readonly (readonly Issue[])[]): string {
  const texts = errors.flat().map((e) => (e.code === 'invalid_union' ? unionText(e.errors) : expectedText(e, false)));
  return [...new Set(texts)].join(' or ');
}

function unknownKey(path: FieldPath, key: string, context: ShapeContext): ShapeFinding {
  const known = keysOf(nodeAt(context.schema, path)).filter((name) => name !== '$schema');
  const near = nearestNames(key, known, 1)[0];
  const elsewhere = fieldsNamed(context.schema, key)[0];
  const remedy =
    near !== undefined
      ? `did you mean \`${near}\`?`
      : elsewhere !== undefined
        ? `it belongs at \`${elsewhere}\``
        : `remove it; every field is listed in schemas/json-schema/${context.schemaName ?? 'run-file'}.schema.json`;
  return {
    path,
    key,
    expected: `one of the fields ${known.join(', ')}`,
    found: `the unknown field \`${key}\``,
    remedy,
    ...(near === undefined ? {} : { meant: fieldText([...path, near]) }),
  };
}

function valueRemedy(values: readonly unknown[], path: FieldPath, context: ShapeContext): string {
  const value = valueAt(context.value, path);
  const near = typeof value === 'string' ? nearestNames(value, values.map(String), 1)[0] : undefined;
  return near === undefined ? remedyFor(path, context) : `did you mean \`${near}\`?`;
}

/** What the field is for, in the words of the schema. */
function remedyFor(path: FieldPath, context: ShapeContext): string {
  const node = nodeAt(context.schema, path);
  const last = path.findLast((part) => typeof part === 'string') ?? 'run file';
  const meaning =
    node?.description ?? nodeAt(context.schema, path.slice(0, -1))?.description ?? 'what a run is made of';
  return `${last} is: ${meaning}`;
}

const TYPE_TEXTS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping of fields',
  null: 'null',
  tuple: 'a list',
};

function typeText(type: string): string {
  return TYPE_TEXTS[type] ?? type;
}

function boundText(origin: string, bound: number | bigint, relation: string): string {
  const limit = String(bound);
  if (origin === 'array') return `a list of ${relation} ${limit}`;
  if (origin === 'string') return `a text of ${relation} ${limit} characters`;
  return /^(?:at)/.test(relation) ? `a number of ${relation} ${limit}` : `a number ${relation} ${limit}`;
}

/** The value at a path of plain data; undefined where there is none. */
export function valueAt(value: unknown, path: FieldPath): unknown {
  return path.reduce<unknown>((at, part) => {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined;
    return (at as Record<string | number, unknown>)[part];
  }, value);
}
