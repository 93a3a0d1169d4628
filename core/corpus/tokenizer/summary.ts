// What planning needs to know of a tokenizer, and the id of the token that is put before every context.
import { InputError } from '../../../schemas/errors.js';
import { Tokenizer } from './tokenizer.js';

export interface TokenizerSummary {
  /** sha256 of the tokenizer.json. */
  readonly digest: string;
  /** Largest id + 1: a model with a smaller vocabulary cannot take its tokens. */
  readonly vocabSize: number;
  /** Id of the prepended token; null for none. */
  readonly prependId: number | null;
}

/**
 * Digest, size and prepended id of a tokenizer.
 * @param json the bytes of a tokenizer.json
 * @param prepend the run file's `model.prepend`: a token's text, an id, or null
 * @param field what messages call `prepend`
 * @throws InputError where the tokenizer cannot be used or has no such token
 */
export function summariseTokenizer(
  json: Uint8Array,
  prepend: string | number | null,
  field = 'model.prepend',
): TokenizerSummary {
  const tokenizer = new Tokenizer(json);
  const { digest, vocabSize } = tokenizer;
  return { digest, vocabSize, prependId: prependId(tokenizer, prepend, field) };
}

function prependId(tokenizer: Tokenizer, prepend: string | number | null, field: string): number | null {
  if (prepend === null) return null;
  if (typeof prepend === 'number') {
    if (Number.isInteger(prepend) && prepend >= 0 && prepend < tokenizer.vocabSize) return prepend;
    throw new InputError(
      `${field}: expected a token id from 0 to ${tokenizer.vocabSize - 1}, found ${prepend}; correct it or set null.`,
      { field, value: prepend, vocabSize: tokenizer.vocabSize },
    );
  }
  const id = tokenizer.idOf(prepend);
  if (id !== undefined) return id;
  const special = tokenizer.addedTokens.filter((t) => t.special).map((t) => t.content);
  const known = special.length > 0 ? special.slice(0, 20).join(', ') : 'none';
  throw new InputError(
    `${field}: expected a token of the tokenizer, found ${JSON.stringify(prepend)}, which it does not have; its special tokens are: ${known}.`,
    { field, value: prepend, special },
  );
}
