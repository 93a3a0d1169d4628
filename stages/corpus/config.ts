// Settings of the corpus stage: `keyed` enters its key (whatever changes bytes, and nothing else), `aux` only says where things are;
// and the inputs of one item.
import { z } from 'zod';
import { storeOptions } from '../../schemas/sections.js';
import type { Part } from '../../schemas/stored.js';
import { part } from '../../schemas/stored-shapes.js';

export const corpusConfig = z.strictObject({
  keyed: z.strictObject({
    seed: z.number().int(),
    idField: z.string(),
    textField: z.string(),
    split: z.union([
      z.strictObject({ field: z.string() }),
      z.strictObject({ fit: z.number(), calib: z.number(), test: z.number() }),
    ]),
    splitSeed: z.number().int(),
    shardTokens: z.number().int().positive(),
    onBadDocument: z.enum(['fail', 'skip']),
    limitDocuments: z
      .number()
      .int()
      .optional()
      .describe('only the first documents of each part, in file order (`run --limit`)'),
  }),
  aux: z.strictObject({
    parts: z.array(part).readonly(),
    storeOptions: storeOptions.optional().describe("connection for parts in S3, as for the run's store"),
  }),
});
export type CorpusConfig = z.infer<typeof corpusConfig>;

/** One part. Its commit holds one `source` object list per shard; objects' `shard` names it. */
export interface CorpusInputs {
  readonly part: string;
  readonly format: Part['format'];
  readonly compression: Part['compression'];
}
