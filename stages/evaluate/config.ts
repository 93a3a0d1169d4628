// Settings of the evaluate stage: `keyed` enters its key (whatever changes bytes, and nothing else), `aux` only says where things are;
// and the inputs of one item. A step has one of three parts: what controls are made of, sums of each shard, the table.
import { z } from 'zod';
import { ARCHITECTURE_NAMES, kindFields, storedSettings, routedFields } from '../../schemas/dictionaries.js';
import { SPLITS } from '../../schemas/stages.js';
import { engineSettings, sha256, storedFile } from '../../schemas/stored-shapes.js';
import { activationsConfig } from '../activations/config.js';

const dtype = z.enum(['float16', 'float32']);
const split = z.enum(SPLITS);
const places = z.array(z.number().int().nonnegative()).min(1).readonly();
const sites = z.strictObject({
  names: z.array(z.string()).min(1).readonly(),
  widths: z.array(z.number().int()).min(1).readonly(),
  reads: places,
  writes: places,
  skip: z.literal(true).optional(),
  crossLayer: z.literal(true).optional(),
  routed: routedFields.optional(),
});

/** Means and principal components of the fit rows, and the mean of the rows that are measured. */
const basis = z.strictObject({
  keyed: z.strictObject({
    part: z.literal('basis'),
    activationsKeys: z.array(z.string()).min(1).readonly().describe('of the fit rows, by site'),
    measuredKeys: z.array(z.string()).min(1).readonly().describe('of the rows that are measured, by site'),
    split,
    components: z.boolean(),
    dtype,
    engine: engineSettings,
  }),
  aux: z.strictObject({ widths: z.array(z.number().int()).min(1).readonly() }),
});

/** A stored dictionary in the model's place. */
const dictionary = z.strictObject({
  name: z.string(),
  sites,
  architecture: z.enum(ARCHITECTURE_NAMES),
  features: z.number().int(),
  settings: z.strictObject(kindFields),
  weights: storedFile,
});
export type EvaluatedDictionary = z.infer<typeof dictionary>;

const sums = z.strictObject({
  keyed: z.strictObject({
    part: z.literal('sums'),
    dictionary: z.string().describe("digest of the dictionary's safetensors file"),
    basis: sha256,
    measuredKeys: z.array(z.string()).min(1).readonly(),
    split,
    dtype,
    k: z.number().int().positive().describe('numbers per row that controls take: L0 of the dictionary on the split'),
    controls: z.array(z.string()).readonly(),
    seed: z.number().int(),
    untrained: storedSettings.nullable().describe('settings whose first values the untrained control has'),
    model: activationsConfig.shape.keyed.nullable().describe('for cross-entropy; null: not measured'),
    lossTokens: z.number().int().positive().describe('tokens of a shard after which no further document is measured'),
    leftOut: sha256.nullable().describe('digests of texts that are left out; null: none'),
    together: z.array(z.string()).min(1).readonly().optional().describe('digests of dictionaries that stand beside it'),
    engine: engineSettings,
  }),
  aux: z.strictObject({
    ...dictionary.shape,
    together: z.array(dictionary).readonly().optional(),
    basisSites: z
      .array(z.string())
      .min(1)
      .readonly()
      .optional()
      .describe("of the basis; left out: the dictionary's own"),
    basis: storedFile,
    leftOut: storedFile.nullable(),
    model: activationsConfig.shape.aux,
  }),
});

const table = z.strictObject({
  keyed: z.strictObject({
    part: z.literal('table'),
    sumsKey: z.string(),
    resamples: z.number().int().positive(),
    seed: z.number().int(),
    deadTraining: z.number().int().nullable(),
    randomModel: sha256.optional().describe('evaluation of the same dictionary on the model without training'),
  }),
  aux: z.strictObject({
    ...{ name: z.string(), features: z.number().int(), split, model: z.string(), site: z.string() },
    controls: z.array(z.string()).readonly(),
    randomModel: storedFile.optional(),
  }),
});

export const evaluateConfig = z.union([basis, sums, table]);
export type EvaluateConfig = z.infer<typeof evaluateConfig>;
export type BasisConfig = z.infer<typeof basis>;
export type SumsConfig = z.infer<typeof sums>;
export type TableConfig = z.infer<typeof table>;

/** What an item is made of. */
export type EvaluateInputs =
  | { readonly snapshot: string }
  | {
      /** Objects of the shard by site, and of its tokens and (where texts are left out) its documents. */
      readonly activations: readonly (readonly string[])[];
      readonly tokens: readonly string[];
      readonly documents: readonly string[];
    };
