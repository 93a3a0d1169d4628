// Settings of the tokens stage: `keyed` enters its key (whatever changes bytes, and nothing else), `aux` only says where things are;
// and the inputs of one item.
import { z } from 'zod';
import type { Split } from '../../schemas/stages.js';
import { storedFile } from '../../schemas/stored-shapes.js';

export const tokensConfig = z.strictObject({
  keyed: z.strictObject({
    corpusKey: z.string(),
    tokenizer: z.string(),
    maxDocumentTokens: z.number().int(),
    onBadDocument: z.enum(['fail', 'skip']),
  }),
  aux: z.strictObject({ tokenizer: storedFile }),
});
export type TokensConfig = z.infer<typeof tokensConfig>;

/** One corpus shard: the `source` objects that hold its documents, in order, and the number of its first document. */
export interface TokensInputs {
  readonly source: readonly string[];
  readonly firstDoc: number;
  readonly split: Split;
}
