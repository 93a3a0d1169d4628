// Added tokens (special ones such as <|endoftext|> among them): where they stand in a text, as Hugging Face finds them.
import { escapeRegExp } from '../../text/escape-reg-exp.js';
import { booleanField, listField, stringField, type Fields } from './json-fields.js';
import { unchanged } from './aligned-text.js';
import type { Normaliser } from './normalise.js';

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  readonly singleWord: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Whether it is looked for in the normalised text instead of the original. */
  readonly normalized: boolean;
}

/** A stretch of a text: an added token, or text between them (`token` null). */
export type OnSection = (token: AddedToken | null, from: number, to: number) => void;
/** Cuts a text at its added tokens, in order and without gaps. */
export type SectionCutter = (text: string, onSection: OnSection) => void;

/** The added tokens of a tokenizer.json. */
export function readAddedTokens(config: Fields): AddedToken[] {
  return listField(config, 'added_tokens').map((fields) => {
    const special = booleanField(fields, 'special', false);
    return {
      id: Number(fields['id']),
      content: stringField(fields, 'content'),
      special,
      singleWord: booleanField(fields, 'single_word', false),
      lstrip: booleanField(fields, 'lstrip', false),
      rstrip: booleanField(fields, 'rstrip', false),
      normalized: booleanField(fields, 'normalized', !special),
    };
  });
}

/** A cutter for tokens that are looked for in the text as it is. */
export function cutterForText(tokens: readonly AddedToken[]): SectionCutter {
  return createCutter(new Map(tokens.filter((t) => !t.normalized).map((t) => [t.content, t])));
}

/** A cutter for tokens that are looked for in normalised text, in their own normalised form. */
export function cutterForNormalised(tokens: readonly AddedToken[], normalise: Normaliser): SectionCutter {
  const normalised = tokens.filter((t) => t.normalized);
  return createCutter(new Map(normalised.map((t) => [normalise(unchanged(t.content)).text, t])));
}

const WORD_AT_END = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u;
const WORD_AT_START = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;

function createCutter(tokens: ReadonlyMap<string, AddedToken>): SectionCutter {
  const contents = [...tokens.keys()].filter((content) => content !== '');
  if (contents.length === 0) {
    return (text, onSection) => {
      if (text !== '') onSection(null, 0, text.length);
    };
  }
  // Alternation takes the first that fits, so the longest come first: leftmost, longest.
  const escaped = contents.sort((a, b) => b.length - a.length).map(escapeRegExp);
  const pattern = new RegExp(escaped.join('|'), 'g');
  return (text, onSection) => {
    let done = 0;
    for (const match of text.matchAll(pattern)) {
      const token = tokens.get(match[0]);
      const at = match.index;
      const after = at + match[0].length;
      if (!token || at < done || (token.singleWord && !standsAlone(text, at, after))) continue;
      const from = token.lstrip ? spacesBefore(text, at, done) : at;
      const to = token.rstrip ? spacesAfter(text, after) : after;
      if (from > done) onSection(null, done, from);
      onSection(token, from, to);
      done = to;
    }
    if (done < text.length) onSection(null, done, text.length);
  };
}

const SPACE = /\p{White_Space}/u;

/** Where the white space that ends at `at` begins, not before `least`. */
function spacesBefore(text: string, at: number, least: number): number {
  let from = at;
  while (from > least && SPACE.test(text.charAt(from - 1))) from--;
  return from;
}

/** Where the white space that begins at `at` ends. */
function spacesAfter(text: string, at: number): number {
  let to = at;
  while (to < text.length && SPACE.test(text.charAt(to))) to++;
  return to;
}

function standsAlone(text: string, from: number, to: number): boolean {
  return !WORD_AT_END.test(text.slice(Math.max(0, from - 2), from)) && !WORD_AT_START.test(text.slice(to, to + 2));
}
