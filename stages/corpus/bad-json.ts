// In which words text that is no JSON of a document is reported, whether it is a line or a value of a column.
import type { BadRecord } from '../../core/corpus/document.js';
import { MOST_LEVELS, RepeatedMember } from '../../core/text/parse-exact-json.js';

/** Longest name of a member that is shown. */
const SHOWN = 80;

/** @param error of `parseExactJson` @param expected what was expected, and where @param found what was there */
export function badJson(error: unknown, expected: string, found: string): BadRecord {
  if (error instanceof RepeatedMember) {
    const member = error.path.join('.').slice(0, SHOWN);
    const problem = `expected every member of ${expected} once, found "${member}" twice`;
    return { reason: 'repeatedMember', problem, details: { member } };
  }
  if (error instanceof RangeError) {
    const problem = `expected ${expected} of at most ${MOST_LEVELS} levels, found a value that is nested more deeply`;
    return { reason: 'tooDeep', problem, details: {} };
  }
  return { reason: 'brokenJson', problem: `expected ${expected}, found ${found}${brokenAt(error)}`, details: {} };
}

/** Where the parser gave up, where it says so; its own words quote the text. */
function brokenAt(error: unknown): string {
  const at = /at position (\d+)/.exec((error as Error).message)?.[1];
  return at === undefined ? '' : ` (it breaks at character ${at})`;
}
