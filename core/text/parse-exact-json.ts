// JSON text to a value in which every number keeps its digits: where a float64 would not give a literal back, the literal itself
// (`NumberLiteral`) stands in its place. Everything else is as `JSON.parse` has it, and so are its errors; but values that are nested
// too deeply for whoever walks them are refused here, at a depth that depends on no machine's stack.
import { exactLiteral, NumberLiteral } from './exact-json.js';

/** Texts without this hold no number that a float64 loses: 16 digits and more, exponents, minus zero. */
const SUSPECT = /[\d.]{16}|\d[eE][+-]?\d|-0/;
const NUMBERS = /-?\d[\d.eE+-]*/g;

/** Levels of objects and lists; other readers of JSON (DuckDB, Python) stop there too. */
export const MOST_LEVELS = 1000;

/** @throws SyntaxError as `JSON.parse`; RangeError where it is nested more than `MOST_LEVELS` deep */
export function parseExactJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  // A level takes two characters.
  if (text.length > 2 * MOST_LEVELS && isTooDeep(value))
    throw new RangeError(`expected JSON of at most ${MOST_LEVELS} levels, found more`);
  return SUSPECT.test(text) && losesDigits(text) ? new ExactReader(text).read() : value;
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
    const members: [string, unknown][] = [];
    this.#at++;
    while (this.#skipSpace() !== '}') {
      if (this.#text[this.#at] === ',') {
        this.#at++;
        this.#skipSpace();
      }
      const name = this.#readString();
      this.#skipSpace();
      this.#at++;
      members.push([name, this.read()]);
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
