// A YAML or JSON text as plain data that remembers where every field stands. Knows nothing of the run file's fields.
import { LineCounter, isAlias, isMap, isPair, isScalar, isSeq, parseAllDocuments, visit } from 'yaml';
import type { Document, YAMLError } from 'yaml';
import { fieldText } from './problem.js';
import type { FieldPath, Finding, Problem } from './problem.js';

/** Aliases in one file; more would let a few lines stand for gigabytes. */
const MAX_ALIASES = 100;

/** Levels of nesting in one file; about a thousand end the parser with all memory, not with an error. */
const MAX_LEVELS = 200;
const MANY_DASHES = new RegExp(`(?:[-?] +){${MAX_LEVELS}}`);

/** What is wrong at one offset of the text, whatever field it belongs to. */
interface TextFault {
  readonly offset: number;
  readonly expected: string;
  readonly found: string;
  readonly remedy: string;
}

export interface SourceDocument {
  readonly value: unknown;
  /** Errors of the text itself: syntax, tabs, duplicate keys, too many aliases. */
  readonly problems: readonly Problem[];
  /** False where the text is so broken that judging its fields would mislead. */
  readonly judgeable: boolean;
  /** The finding with its place in the text. */
  readonly locate: (finding: Finding) => Problem;
  /** Line and column, from 1, of an offset into the text. */
  readonly position: (offset: number) => { line: number; column: number };
}

/** Parses YAML 1.2 (JSON is a part of it). Never throws for what the text holds: see `problems`. */
export function parseSource(text: string, file: string): SourceDocument {
  const lines = new LineCounter();
  const parsed = parseBounded(text, lines);
  const root = typeof parsed === 'string' ? null : parsed.document.contents;
  const read = typeof parsed === 'string' ? wholeFault(parsed) : readDocument(parsed, text);
  const position = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const problems = read.faults.map(({ offset, ...what }) => ({
    file,
    ...position(offset),
    field: '',
    ...what,
  }));
  const locate = ({ path, key, expected, found, remedy }: Finding): Problem => {
    const field = fieldText(key === undefined ? path : [...path, key]);
    return { file, ...position(offsetOf(root, path, key)), field, expected, found, remedy };
  };
  return { value: read.value, problems, judgeable: read.judgeable, locate, position };
}

interface Parsed {
  readonly document: Document.Parsed;
  /** Offset of a second document; null where there is none. */
  readonly second: number | null;
}
type Unparsed = 'an empty file' | 'values nested too deeply';

interface ReadValue {
  readonly value: unknown;
  readonly faults: readonly TextFault[];
  readonly judgeable: boolean;
}

function parseBounded(text: string, lineCounter: LineCounter): Parsed | Unparsed {
  if (isTooDeep(text)) return 'values nested too deeply';
  try {
    const options = {
      lineCounter,
      prettyErrors: false,
      uniqueKeys: true,
      strict: true,
      version: '1.2' as const,
    };
    const documents = parseAllDocuments(text, options);
    const [document, second] = Array.isArray(documents) ? documents : [];
    return document === undefined ? 'an empty file' : { document, second: second?.range[0] ?? null };
  } catch (error) {
    if (error instanceof RangeError) return 'values nested too deeply';
    throw error;
  }
}

/** By brackets that are open, wherever they stand: no file has so many of them in its texts. */
function isTooDeep(text: string): boolean {
  let open = 0;
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    open = bracket === '[' || bracket === '{' ? open + 1 : Math.max(0, open - 1);
    if (open > MAX_LEVELS) return true;
  }
  return MANY_DASHES.test(text);
}

function wholeFault(found: Unparsed): ReadValue {
  const remedy = 'see the shape in docs/cli.md or `assay help run`';
  return {
    value: null,
    faults: [{ offset: 0, expected: 'a mapping of fields', found, remedy }],
    judgeable: false,
  };
}

function readDocument({ document, second }: Parsed, text: string): ReadValue {
  const faults = document.errors.map((error) => syntaxFault(error, text));
  const aliases = countAliases(document);
  if (second !== null) {
    faults.push({
      offset: second,
      expected: 'one document',
      found: 'a second one',
      remedy: 'keep each run in a file of its own',
    });
  }
  if (aliases > MAX_ALIASES) {
    const expected = `at most ${String(MAX_ALIASES)} aliases (*name)`;
    faults.push({ offset: 0, expected, found: String(aliases), remedy: 'write the values out' });
  }
  const fatal = second !== null || aliases > MAX_ALIASES || document.errors.some((e) => e.code !== 'DUPLICATE_KEY');
  if (fatal) return { value: null, faults, judgeable: false };
  try {
    return {
      value: document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown,
      faults,
      judgeable: true,
    };
  } catch (error) {
    const expected = 'aliases that name an anchor above them';
    faults.push({
      offset: 0,
      expected,
      found: (error as Error).message,
      remedy: 'write the values out',
    });
    return { value: null, faults, judgeable: false };
  }
}

function countAliases(document: Document.Parsed): number {
  let aliases = 0;
  visit(document, {
    Alias: () => {
      aliases++;
    },
  });
  return aliases;
}

function syntaxFault(error: YAMLError, text: string): TextFault {
  const offset = error.pos[0];
  if (error.code === 'DUPLICATE_KEY') {
    const key = /^[^:\s]*/.exec(text.slice(offset))?.[0] ?? '';
    return {
      offset,
      expected: 'each key once',
      found: `\`${key}\` a second time`,
      remedy: 'keep one of the two',
    };
  }
  if (error.code === 'TAB_AS_INDENT') {
    return {
      offset,
      expected: 'spaces as indentation',
      found: 'a tab',
      remedy: 'replace tabs by two spaces each',
    };
  }
  const what = error.message.split('\n')[0] ?? error.code;
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1).split('\n', 1)[0] ?? '';
  const remedy = line.includes('{{') ? 'put quotes around the text with {{…}}' : 'see the line and the one above it';
  return { offset, expected: 'YAML or JSON', found: `text that is not (${what})`, remedy };
}

/** Offset of the value at `path`, of its nearest parent where it is missing, or of `key` in the mapping there. */
function offsetOf(root: unknown, path: FieldPath, key: string | undefined): number {
  let node = root;
  let offset = startOf(root) ?? 0;
  for (const part of path) {
    const next = child(node, part);
    if (next === null) return offset;
    offset = startOf(next.value) ?? startOf(next.key) ?? offset;
    node = next.value;
  }
  if (key === undefined) return offset;
  return startOf(child(node, key)?.key) ?? offset;
}

function child(node: unknown, part: string | number): { key: unknown; value: unknown } | null {
  if (isSeq(node) && typeof part === 'number') {
    const value = node.items[part];
    return value === undefined || isPair(value) ? null : { key: null, value };
  }
  if (!isMap(node)) return null;
  // The last of duplicate keys is the one whose value counts.
  const pair = node.items.findLast((item) => isScalar(item.key) && String(item.key.value) === String(part));
  return pair === undefined ? null : { key: pair.key, value: pair.value };
}

function startOf(node: unknown): number | null {
  if (isMap(node) || isSeq(node) || isScalar(node) || isAlias(node)) return node.range?.[0] ?? null;
  return null;
}
