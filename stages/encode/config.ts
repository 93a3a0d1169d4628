// Settings of the encode stage: `keyed` enters its key (whatever changes bytes, and nothing else), `aux` only says where things are;
// and the inputs of one item.
import { z } from 'zod';
import { saeSection } from '../../schemas/run-file.js';
import { engineSettings, storedFile } from '../../schemas/stored-shapes.js';

export const encodeConfig = z.strictObject({
  keyed: z.strictObject({
    dictionary: z.string().describe("digest of the dictionary's safetensors file: its identity"),
    activationsKey: z.string(),
    dtype: z.enum(['float16', 'float32']),
    engine: engineSettings,
  }),
  aux: z.strictObject({
    name: z.string(),
    site: z.string(),
    width: z.number().int(),
    features: z.number().int(),
    k: z.number().int(),
    weights: storedFile,
    architecture: saeSection.shape.architecture.unwrap().optional().describe('default topk'),
    model: z.string().optional().describe("model reference of the activations, for the files' metadata"),
  }),
});
export type EncodeConfig = z.infer<typeof encodeConfig>;

/** One shard of activations of the dictionary's site. */
export interface EncodeInputs {
  readonly activations: readonly string[];
}
