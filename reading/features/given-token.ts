// Which token of the run's vocabulary a user means: the one that stands for the given text by itself. Pure.
import { nearestNames } from '../../core/text/nearest-names.js';
import type { Tokenizer } from '../../core/corpus/tokenizer/tokenizer.js';
import { InputError } from '../../schemas/errors.js';

/** Tokens that are compared with a misspelt one. */
const COMPARED = 50_000;

export interface GivenToken {
  readonly text: string;
  /** Ascending; several where the vocabulary has more than one token of the same text. */
  readonly ids: number[];
}

/** @throws InputError where no token stands for the text, with the tokens that it is made of and the nearest ones */
export function givenToken(tokenizer: Tokenizer, text: string, encode: (text: string) => Uint32Array): GivenToken {
  const all = tokenizer.textsOf(Array.from({ length: tokenizer.vocabSize }, (_, id) => id));
  const ids = all.flatMap((own, id) => (own === text ? [id] : []));
  if (ids.length > 0) return { text, ids };
  const pieces = tokenizer.textsOf([...encode(text)]).map((piece) => JSON.stringify(piece));
  const made = pieces.length === 0 ? '' : ` (it is made of ${pieces.slice(0, 12).join(', ')})`;
  const known = all.slice(0, COMPARED).filter((own) => own !== null);
  const near = text === '' ? [] : [...new Set([...withSpace(text, all), ...nearestNames(text, known)])];
  const remedy =
    near.length === 0
      ? 'give one token, with the space before it where it has one.'
      : `did you mean ${near.map((one) => JSON.stringify(one)).join(' or ')}?`;
  throw new InputError(
    `Expected the text of one token in --token, found ${JSON.stringify(text)}, which is none${made}; ${remedy}`,
    { token: text, candidates: near },
  );
}

/** The same word with or without a space before it, where there is such a token. */
function withSpace(text: string, all: readonly (string | null)[]): string[] {
  const other = text.startsWith(' ') ? text.slice(1) : ` ${text}`;
  return all.includes(other) ? [other] : [];
}
