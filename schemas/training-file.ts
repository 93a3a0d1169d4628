// The training file: which small language models to train, on what and how. Strict; every field has a description, a unit
// and a default where one is sensible.
import { z } from 'zod';
import { modelSection, trainingFields } from './language-model-sections.js';
import { corpusSection, plainName, storeOptions } from './sections.js';

const positive = z.number().int().positive();

export const trainingFile = z.strictObject({
  name: plainName.describe('name of the training; its datasets are NAME/models/MODEL'),
  seed: z.number().int().default(0).describe('seed of shards and of the order of data'),
  store: z
    .string()
    .default('file://./data')
    .describe('file://folder or s3://bucket/prefix; relative folders start at the training file'),
  storeOptions: storeOptions.optional(),
  tokenizer: z
    .string()
    .optional()
    .describe('path of tokenizer.json, relative to the training file; with `tokens` the one of that run'),
  corpus: corpusSection.optional(),
  tokens: z
    .string()
    .min(1)
    .optional()
    .describe('name of a finished run in the same store whose tokens are trained on, instead of `corpus`'),
  model: modelSection.optional(),
  models: z.array(modelSection).min(1).optional().describe('models to train; `model` for a single one'),
  training: trainingFields.prefault({}).describe('How the models are trained.'),
  compute: z
    .strictObject({
      device: z.enum(['auto', 'cpu', 'cuda', 'webgpu']).default('auto').describe('auto: cuda where it loads, else cpu'),
      threadsPerSession: positive.max(256).default(1).describe('threads of one model; part of every key'),
      children: positive
        .max(256)
        .nullable()
        .default(null)
        .describe('models in training at once, one compute child each; default cores / threadsPerSession'),
      checkpointSeconds: z
        .number()
        .positive()
        .default(60)
        .describe('time between checkpoints of a model; changes no result'),
    })
    .prefault({}),
  owner: z.string().optional().describe('who is responsible'),
});
export type TrainingFile = z.infer<typeof trainingFile>;
