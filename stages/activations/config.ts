// Settings of the activations stage: `keyed` enters its key (whatever changes bytes, and nothing else), `aux` only says where things are;
// and the inputs of one item.
import { z } from 'zod';
import { resolvedEdit } from '../../schemas/model-edits.js';
import { engineSettings, externalFile, storedFile } from '../../schemas/stored-shapes.js';

export const activationsConfig = z.strictObject({
  keyed: z
    .strictObject({
      tokensKey: z.string(),
      model: z.strictObject({ base: z.string(), edits: z.array(resolvedEdit).readonly() }),
      contextTokens: z.number().int(),
      prependId: z.number().int().nullable(),
      positionStart: z.number().int().positive().optional(),
      packing: z.enum(['document', 'concatenate']),
      dropPositions: z.array(z.number().int()).readonly(),
      dropTokens: z.array(z.number().int()).readonly().optional().describe('absent: none'),
      dtype: z.enum(['float16', 'float32']),
      batchTokens: z.number().int(),
      engine: engineSettings,
    })
    .describe('shared by all sites; the key of a site is made of these and its name'),
  aux: z.strictObject({
    sites: z.array(z.string()).readonly().describe('all sites of the plan, sorted: the session is always cut to these'),
    model: storedFile,
    external: z.array(externalFile).readonly().describe('external data by the location that the ONNX file names'),
    editValues: z.array(storedFile).readonly().optional().describe("tensors that the model's edits read"),
  }),
});
export type ActivationsConfig = z.infer<typeof activationsConfig>;

/** One token shard: its `tokens` objects. Rows are permuted by digestOf of this object. */
export interface ActivationsInputs {
  readonly tokens: readonly string[];
}
