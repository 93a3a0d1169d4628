// The sections that say which small language model to train and how, in training files and in run files.
import { z } from 'zod';
import { SPLITS } from './stages.js';
import { plainName } from './sections.js';

const positive = z.number().int().positive();
const count = z.number().int().nonnegative();
const rate = z.number().min(0).max(1);

/** Architectures that can be trained. */
export const ARCHITECTURES = ['gpt2', 'llama'] as const;
/** Activations of the MLP. */
export const ACTIVATIONS = ['gelu_tanh', 'gelu', 'relu', 'silu'] as const;

const optimiser = z
  .strictObject({
    name: z.enum(['adamw', 'adam', 'sgd']).default('adamw').describe('update rule'),
    betas: z
      .tuple([rate.lt(1), rate.lt(1)])
      .default([0.9, 0.95])
      .describe('decay rates of the first and second moment (adamw, adam)'),
    epsilon: z.number().positive().default(1e-8).describe('added to the root of the second moment (adamw, adam)'),
    weightDecay: z
      .number()
      .nonnegative()
      .default(0)
      .describe(
        'decay per step and unit of learning rate, on matrices and embeddings, not on vectors; adamw: decoupled, adam and sgd: added to the gradient',
      ),
    momentum: rate.lt(1).default(0).describe('decay of the velocity (sgd)'),
    nesterov: z.boolean().default(false).describe('whether the velocity is looked ahead (sgd)'),
  })
  .describe('The optimiser.');

const schedule = z
  .strictObject({
    lr: z.number().nonnegative().default(1e-3).describe('greatest learning rate'),
    warmupSteps: count.default(0).describe('steps of linear warm-up: step s has (s + 1) / warmupSteps'),
    decay: z
      .enum(['constant', 'linear', 'cosine'])
      .default('cosine')
      .describe('course after the warm-up, to the last step'),
    finalFraction: rate.default(0.1).describe('learning rate that the decay approaches, as a share of lr'),
  })
  .describe('The learning rate.');

const lossWeights = z
  .strictObject({
    field: z
      .string()
      .min(1)
      .describe('field of the document with a list of {start, end, weight}, in Unicode code points'),
    default: z.number().nonnegative().default(1).describe('weight of tokens in no span'),
  })
  .describe('Weight of each target token in the loss.');

/** How models are trained; in `models[…].training` any of these fields for one model. */
export const trainingFields = z.strictObject({
  steps: positive.optional().describe('training steps; give this or `tokens`'),
  tokens: positive
    .optional()
    .describe('training budget, target tokens: steps = tokens / (batch · contextTokens), rounded down'),
  batch: positive.default(32).describe('contexts per step'),
  optimiser: optimiser.prefault({}),
  schedule: schedule.prefault({}),
  clipNorm: z.number().positive().nullable().default(1).describe('greatest global gradient norm; null for none'),
  logEverySteps: positive.default(10).describe('steps between logged rows'),
  validateEverySteps: positive
    .default(200)
    .describe('steps between measurements of the calib split; it is measured after the last step too'),
  splits: z
    .array(z.enum(SPLITS))
    .min(1)
    .default(['fit'])
    .describe('splits to train on; what is among them is no measure of anything new'),
  order: z
    .enum(['file', 'shuffled'])
    .default('shuffled')
    .describe('order of the documents in the training stream: as in the sources, or by a keyed hash of their ids'),
  prepend: z
    .union([z.string(), count])
    .nullable()
    .default(null)
    .describe('token (text or id) put before every document; null for none'),
  sampling: z
    .enum(['epochs', 'random'])
    .default('epochs')
    .describe(
      'epochs: the stream is cut into contexts, each used once per epoch in a keyed order; random: every context begins anywhere',
    ),
  batches: z
    .string()
    .regex(/^.+#.+$/, 'FILE#TENSOR')
    .nullable()
    .default(null)
    .describe(
      'FILE#TENSOR: a safetensors file and its integer tensor [steps, batch] of offsets into the training stream, where each context begins; instead of sampling',
    ),
  lossWeights: lossWeights
    .nullable()
    .default(null)
    .describe('weight of each target token in the loss; null: all weigh the same'),
});

/** What a model may have otherwise: any field of `training`, the rest as there. */
export type TrainingOverrides = {
  readonly [Field in keyof TrainingSection]?: TrainingSection[Field] extends object
    ? Partial<TrainingSection[Field]> | undefined
    : TrainingSection[Field] | undefined;
};

/** The fields of an object at every level, optional and without defaults. */
function optionalFields(object: z.ZodObject): z.ZodObject {
  const fields = Object.entries(object.shape).map(([name, field]) => {
    const description = (field as z.ZodType).description ?? '';
    return [
      name,
      withoutDefault(field as z.ZodType)
        .optional()
        .describe(description),
    ] as const;
  });
  return z.strictObject(Object.fromEntries(fields));
}

function withoutDefault(field: z.ZodType): z.ZodType {
  if (field instanceof z.ZodDefault || field instanceof z.ZodPrefault)
    return withoutDefault(field.unwrap() as z.ZodType);
  if (field instanceof z.ZodOptional) return withoutDefault(field.unwrap() as z.ZodType);
  return field instanceof z.ZodObject ? optionalFields(field) : field;
}

const overrides = optionalFields(trainingFields) as unknown as z.ZodType<TrainingOverrides>;

export const modelSection = z
  .strictObject({
    name: plainName.describe('name of the model'),
    architecture: z
      .enum(ARCHITECTURES)
      .describe('gpt2: learned positions, LayerNorm; llama: rotary positions, RMSNorm, gated MLP'),
    layers: positive.max(512).describe('blocks'),
    width: positive.describe('width of the residual stream'),
    heads: positive.describe('attention heads; they divide the width, unless headWidth is given'),
    keyValueHeads: positive
      .nullable()
      .default(null)
      .describe('key and value heads (llama); they divide `heads`; default as many as `heads`'),
    headWidth: positive
      .nullable()
      .default(null)
      .describe('width of one head; default width / heads, for gpt2 always that'),
    mlpWidth: positive
      .nullable()
      .default(null)
      .describe('width inside the MLP; default 4 · width (gpt2), 8/3 · width rounded up to a multiple of 16 (llama)'),
    contextTokens: positive.min(2).default(128).describe('tokens that the model sees at once'),
    vocabulary: positive
      .nullable()
      .default(null)
      .describe("rows of the token embedding; default the tokenizer's number of ids"),
    tied: z
      .boolean()
      .nullable()
      .default(null)
      .describe('whether the output reuses the token embedding; default true (gpt2), false (llama)'),
    activation: z
      .enum(ACTIVATIONS)
      .nullable()
      .default(null)
      .describe('activation of the MLP; default gelu_tanh (gpt2), silu (llama)'),
    normEpsilon: z.number().positive().lt(1).default(1e-5).describe('added to the variance in norms'),
    ropeBase: z.number().gt(1).default(10_000).describe('base of the rotary frequencies (llama)'),
    init: z
      .string()
      .nullable()
      .default(null)
      .describe('safetensors file with the weights to begin from, Hugging Face names; default random by the seed'),
    seed: z.number().int().default(0).describe('initialisation only; the order of data follows the seed of the file'),
    training: overrides.optional().describe('fields of `training` that are otherwise for this model'),
  })
  .describe('A language model.');

export type ModelSection = z.infer<typeof modelSection>;
export type TrainingSection = z.infer<typeof trainingFields>;
