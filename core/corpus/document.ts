// What a record must be to count as a document: the checks, and the words in which a bad one is reported.
import type { Split } from '../../schemas/stages.js';
import { exactJson, NumberLiteral } from '../text/exact-json.js';
import { fieldAt, withoutFields } from './field-path.js';
import { isSplit, splitByHash, type SplitRule } from './split-rule.js';

/** Why a record is no document; the keys under which skipped records are counted. */
export const BAD_REASONS = [
  'brokenJson',
  'invalidUtf8',
  'notAnObject',
  'badId',
  'badText',
  'loneSurrogate',
  'badSplit',
  'tooLong',
  'tooDeep',
  'repeatedMember',
  'duplicateId',
] as const;
export type BadReason = (typeof BAD_REASONS)[number];

export interface BadRecord {
  readonly reason: BadReason;
  /** What was expected and what was found, without the place. */
  readonly problem: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface SourceDocument {
  readonly id: string;
  readonly text: string;
  /** JSON of the record's other fields (the one that names the split left out). */
  readonly meta: string;
  readonly split: Split;
}

export interface DocumentRule {
  readonly idField: string;
  readonly textField: string;
  readonly split: SplitRule;
  readonly splitSeed: number;
}

/** Longest id, in UTF-8 bytes: it stands in messages and in every row of `documents`. */
const MAX_ID_BYTES = 4096;

/**
 * The document in a record, or what is wrong with it.
 * @param madeId the id of a record without one, where records may have none
 */
export function parseDocument(
  fields: Readonly<Record<string, unknown>>,
  rule: DocumentRule,
  madeId?: string,
): SourceDocument | BadRecord {
  const { idField, textField, split: splitRule } = rule;
  const found = fieldAt(fields, idField);
  const id = idOf(found) ?? madeId;
  if (typeof id !== 'string' || id === '' || Buffer.byteLength(id) > MAX_ID_BYTES) {
    return bad('badId', idField, {
      expected: `a string of 1 to ${MAX_ID_BYTES} bytes or a number`,
      found,
      fields,
    });
  }
  const text = fieldAt(fields, textField);
  if (typeof text !== 'string' || text === '') {
    return bad('badText', textField, {
      expected: 'a string that is not empty',
      found: text,
      fields,
    });
  }
  if (LONE_SURROGATE.test(text) || LONE_SURROGATE.test(id)) {
    const problem = `expected text that Unicode can encode, found half of a surrogate pair in document "${id}"`;
    return { reason: 'loneSurrogate', problem, details: { id } };
  }
  const split = 'field' in splitRule ? fieldAt(fields, splitRule.field) : splitByHash(splitRule, rule.splitSeed, id);
  if (!isSplit(split)) {
    const field = 'field' in splitRule ? splitRule.field : '';
    const problem = `expected field "${field}" of document "${id}" to be "fit", "calib" or "test", found ${kindOf(split)}`;
    return { reason: 'badSplit', problem, details: { id, field, excerpt: shown(split) } };
  }
  return { id, text, meta: metaOf(fields, rule), split };
}

/** An id as text: numbers with all their digits. Undefined where there is none; anything else comes back as it is. */
function idOf(found: unknown): unknown {
  if (typeof found === 'number') return Number.isFinite(found) ? exactJson(found) : found;
  if (typeof found === 'bigint') return found.toString();
  if (found instanceof NumberLiteral) return found.text;
  return found ?? undefined;
}

/** Whether `parseDocument` found something wrong. */
export function isBad(parsed: SourceDocument | BadRecord): parsed is BadRecord {
  return 'reason' in parsed;
}

const LONE_SURROGATE = /\p{Cs}/u;
const SHOWN = 80;

/** Texts that are shown as they are: a label, which no document's text is. */
const LABEL = /^[\w.-]{1,24}$/;

/** What a value is, for messages: they go into histories and logs, where a document's text has no place. */
export function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === '') return 'an empty string';
  if (typeof value === 'string') {
    return LABEL.test(value) ? JSON.stringify(value) : `a string of ${Buffer.byteLength(value)} bytes`;
  }
  if (typeof value === 'number' || typeof value === 'bigint') return `the number ${String(value).slice(0, SHOWN)}`;
  if (value === null || typeof value === 'boolean') return JSON.stringify(value);
  if (typeof value !== 'object') return typeof value;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return 'invalidUtf8' in value ? 'bytes that are not UTF-8' : 'an object';
}

/** A value as the terminal of whoever has it may show it: its JSON, cut after 80 characters. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = exactJson(value);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

function metaOf(fields: Readonly<Record<string, unknown>>, rule: DocumentRule): string {
  const own = [rule.idField, rule.textField, 'field' in rule.split ? rule.split.field : ''];
  return exactJson(withoutFields(fields, own));
}

function bad(
  reason: BadReason,
  field: string,
  { expected, found, fields }: { expected: string; found: unknown; fields: Readonly<Record<string, unknown>> },
): BadRecord {
  const has =
    found === undefined
      ? ` (it has ${Object.keys(fields)
          .slice(0, 20)
          .map((name) => `"${name.slice(0, SHOWN)}"`)
          .join(', ')})`
      : '';
  return {
    reason,
    problem: `expected field "${field}" to be ${expected}, found ${kindOf(found)}${has}`,
    details: { field, ...(found !== undefined && { excerpt: shown(found) }) },
  };
}
