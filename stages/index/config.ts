// Settings of the index stage: `keyed` enters its key (whatever changes bytes, and nothing else), `aux` only says where things are;
// and the inputs of one item.
import { z } from 'zod';

export const indexConfig = z.strictObject({
  keyed: z.strictObject({
    encodeKey: z.string(),
    topExamples: z.number().int(),
    features: z.number().int(),
    contextTokens: z.number().int(),
    prepended: z.boolean(),
    packing: z.enum(['document', 'concatenate']),
  }),
  aux: z.strictObject({
    name: z.string(),
    site: z.string(),
    width: z.number().int(),
    model: z.string().optional().describe("model reference of the activations, for the files' metadata"),
  }),
});
export type IndexConfig = z.infer<typeof indexConfig>;

/** A range of features of the pinned encode snapshot; `metrics` is the one item that sums up the dictionary. */
export interface IndexInputs {
  readonly snapshot: string;
  readonly range: { readonly from: number; readonly to: number } | 'metrics';
}
