// Settings of the train stage: `keyed` enters its key (whatever changes bytes, and nothing else), `aux` only says where things are;
// and the inputs of one item.
import { z } from 'zod';
import { saeSection } from '../../schemas/run-file.js';
import { engineSettings } from '../../schemas/stored-shapes.js';

/** One dictionary. */
export const trainConfig = z.strictObject({
  keyed: z.strictObject({
    activationsKey: z.string(),
    site: z.string(),
    dtype: z.enum(['float16', 'float32']),
    runSeed: z.number().int(),
    sae: saeSection.omit({ name: true, hook: true }).describe('all defaults filled in'),
    engine: engineSettings,
  }),
  aux: z.strictObject({
    name: z.string(),
    width: z.number().int(),
    model: z.string().optional().describe("model reference of the activations, for the files' metadata"),
  }),
});
export type TrainConfig = z.infer<typeof trainConfig>;

/** The pinned activations: digest over their fit and calib objects. */
export interface TrainInputs {
  readonly snapshot: string;
}
