// JSON text to a value in which every number keeps its digits: where a float64 would not give a literal back, the literal itself
// (`NumberLiteral`) stands in its place. Everything else is as `JSON.parse` has it, and so are its errors; but objects that have a
// member twice, of which only the last would be left, are refused here, and so are values that are nested too deeply for whoever
// walks them, at a depth that depends on no machine's stack.
import { exactLiteral, NumberLiteral } from './exact-json.js';

/** Texts without this hold no number that a float64 loses: 16 digits and more, exponents, minus zero. */
const SUSPECT = /[\d.]{16}|\d[eE][+-]?\d|-0/;
const NUMBERS = /-?\d[\d.eE+-]*/g;

/** Levels of objects and lists; other readers of JSON (DuckDB, Python) stop there too. */
export const MOST_LEVELS = 1000;

/** An object has a member twice. */
export class RepeatedMember extends SyntaxError {
  /** Names from the outermost object to the member. */
  readonly path: readonly string[];

  constructor(path: readonly string[]) {
    super(`expected every member of an object once, found "${path.join('.')}" twice`);
    this.path = path;
  }
}

/**
 * The value of a JSON text.
 * @throws SyntaxError as `JSON.parse`; RepeatedMember; RangeError where it is nested more than `MOST_LEVELS` deep
 */
export function parseExactJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  // A level takes two characters.
  if (text.length > 2 * MOST_LEVELS && isTooDeep(value))
    throw new RangeError(`expected JSON of at most ${MOST_LEVELS} levels, found more`);
  const isSure = membersAtMost(text) === membersOf(value);
  if (isSure && !(SUSPECT.test(text) && losesDigits(text))) return value;
  return new ExactReader(text).read();
}

/** Colons behind quotes that are not escaped: the text's members, and strings that begin with a colon. */
function membersAtMost(text: string): number {
  let count = 0;
  for (let at = text.indexOf(':'); at >= 0; at = text.indexOf(':', at + 1)) {
    let quote = at - 1;
    while (quote > 0 && text.charCodeAt(quote) <= SPACE) quote--;
    if (text.charCodeAt(quote) !== QUOTE) continue;
    let before = quote;
    while (text.charCodeAt(before - 1) === BACKSLASH) before--;
    if ((quote - before) % 2 === 0) count++;
  }
  return count;
}

const SPACE = 0x20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Members of all objects of a value. */
function membersOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + membersOf(item), 0);
  return Object.values(value).reduce<number>((sum, item) => sum + 1 + membersOf(item), 0);
}

/** Whether plain data is nested more than `MOST_LEVELS` deep. Goes level by level, because going down may take more stack than there is. */
export function isTooDeep(value: unknown): boolean {
  let level = [value].filter(isNested);
  for (let levels = 0; level.length > 0; levels++) {
    if (levels === MOST_LEVELS) return true;
    level = level.flatMap((one): unknown[] => (Array.isArray(one) ? one : Object.values(one))).filter(isNested);
  }
  return false;
}

function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function losesDigits(text: string): boolean {
  for (let at = 0; ;) {
    const open = text.indexOf('"', at);
    for (const [literal] of text.slice(at, open < 0 ? text.length : open).matchAll(NUMBERS)) {
      if (exactLiteral(literal) instanceof NumberLiteral) return true;
    }
    if (open < 0) return false;
    at = endOfString(text, open);
  }
}

/** One past the quote that ends the string which begins at `open`. */
function endOfString(text: string, open: number): number {
  for (let quote = text.indexOf('"', open + 1); ; quote = text.indexOf('"', quote + 1)) {
    let before = quote;
    while (text[before - 1] === '\\') before--;
    if ((quote - before) % 2 === 0) return quote + 1;
  }
}

/** Reads JSON that `JSON.parse` has found right. */
class ExactReader {
  readonly #text: string;
  readonly #path: string[] = [];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): unknown {
    const first = this.#skipSpace();
    if (first === '{') return this.#readObject();
    if (first === '[') return this.#readArray();
    if (first === '"') return this.#readString();
    const from = this.#at;
    while (/[\w.+-]/.test(this.#text[this.#at] ?? '')) this.#at++;
    const word = this.#text.slice(from, this.#at);
    return /^[tfn]/.test(word) ? (JSON.parse(word) as unknown) : exactLiteral(word);
  }

  #readObject(): Record<string, unknown> {
    const members = new Map<string, unknown>();
    this.#at++;
    while (this.#skipSpace() !== '}') {
      if (this.#text[this.#at] === ',') {
        this.#at++;
        this.#skipSpace();
      }
      const name = this.#readString();
      this.#skipSpace();
      this.#at++;
      this.#path.push(name);
      if (members.has(name)) throw new RepeatedMember(this.#path);
      members.set(name, this.read());
      this.#path.pop();
    }
    this.#at++;
    return Object.fromEntries(members);
  }

  #readArray(): unknown[] {
    const items: unknown[] = [];
    this.#at++;
    while (this.#skipSpace() !== ']') {
      if (this.#text[this.#at] === ',') this.#at++;
      items.push(this.read());
    }
    this.#at++;
    return items;
  }

  #readString(): string {
    const from = this.#at;
    this.#at = endOfString(this.#text, from);
    return JSON.parse(this.#text.slice(from, this.#at)) as string;
  }

  /** Moves to the next character that means something; returns it. */
  #skipSpace(): string {
    while (/[ \t\n\r]/.test(this.#text[this.#at] ?? '')) this.#at++;
    return this.#text[this.#at] ?? '';
  }
}
