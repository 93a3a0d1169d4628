// Settings of the label stage: `keyed` enters its key, `aux` only says where things are; and the inputs of one item.
import { z } from 'zod';
import { storedFile } from '../../schemas/stored-shapes.js';

export const labelConfig = z.strictObject({
  keyed: z.strictObject({
    indexKey: z.string(),
    bandsKey: z.string(),
    promotedKey: z.string(),
    tokenizer: z.string().describe("digest of the tokenizer's file: labels hold the texts of tokens"),
  }),
  aux: z.strictObject({ name: z.string(), site: z.string(), tokenizer: storedFile, reference: z.string() }),
});
export type LabelConfig = z.infer<typeof labelConfig>;

/** A range of features of the pinned index, bands and promoted. */
export interface LabelInputs {
  readonly snapshot: string;
  readonly range: { readonly from: number; readonly to: number };
}
