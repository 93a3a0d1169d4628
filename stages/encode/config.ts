// Settings of the encode stage: `keyed` enters its key (whatever changes bytes, and nothing else), `aux` only says where things are;
// and the inputs of one item.
import { z } from 'zod';
import { ARCHITECTURE_NAMES, kindFields, routedFields } from '../../schemas/dictionaries.js';
import { engineSettings, storedFile } from '../../schemas/stored-shapes.js';

const settings = z.strictObject({
  dictionary: z
    .string()
    .describe("digest of the dictionary's safetensors file: its identity; kind and settings stand in it"),
  dtype: z.enum(['float16', 'float32']),
  engine: engineSettings,
});
const places = z.array(z.number().int().nonnegative()).min(1).readonly();

export const encodeConfig = z.strictObject({
  keyed: z.union([
    settings.extend({ activationsKey: z.string() }),
    settings.extend({
      activationsKeys: z.array(z.string()).min(2).readonly().describe('by site, in the order of aux.sites'),
    }),
  ]),
  aux: z.strictObject({
    name: z.string(),
    sites: z
      .strictObject({
        names: z.array(z.string()).min(1).readonly(),
        widths: z.array(z.number().int()).min(1).readonly(),
        reads: places,
        writes: places,
        skip: z.literal(true).optional(),
        crossLayer: z.literal(true).optional(),
        routed: routedFields.optional(),
      })
      .describe('every site once, and the places of what is read and what is written'),
    architecture: z.enum(ARCHITECTURE_NAMES),
    features: z.number().int(),
    settings: z.strictObject(kindFields).describe('those that only some kinds use'),
    weights: storedFile,
    model: z.string().optional().describe("model reference of the activations, for the files' metadata"),
  }),
});
export type EncodeConfig = z.infer<typeof encodeConfig>;

/** Keys of the activations, by site. */
export function activationKeys(
  keyed: { readonly activationsKey: string } | { readonly activationsKeys: readonly string[] },
): readonly string[] {
  return 'activationsKey' in keyed ? [keyed.activationsKey] : keyed.activationsKeys;
}

/** One shard of activations of the dictionary's site; of several sites, a list for each. */
export interface EncodeInputs {
  readonly activations: readonly string[] | readonly (readonly string[])[];
}
