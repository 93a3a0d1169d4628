// The run file: what a user asks for. Strict; every field has a description, a unit and a default where one is sensible.
import { z } from 'zod';
import { modelSection, trainingFields } from './language-model-sections.js';
import { modelEdit } from './model-edits.js';
import { saeSection } from './sae-section.js';
import { corpusSection, plainName, storeOptions } from './sections.js';
import { SPLITS } from './stages.js';

const positive = z.number().int().positive();

/** A language model that is trained in the run, on the run's corpus, before anything is extracted from it. */
const trainedModel = z
  .strictObject({
    model: modelSection
      .omit({ name: true, training: true })
      .extend({
        contextTokens: positive
          .min(2)
          .optional()
          .describe('tokens that the model sees at once in training; default model.contextTokens'),
      })
      .describe('The model to train.'),
    training: trainingFields.prefault({}).describe('How it is trained.'),
  })
  .describe('A language model to train in this run instead of taking one from a file.');

const model = z
  .strictObject({
    onnx: z.string().optional().describe('path of the ONNX file, relative to the run file'),
    tokenizer: z.string().optional().describe('path of tokenizer.json, relative to the run file'),
    folder: z
      .string()
      .optional()
      .describe(
        'a local Hugging Face-style folder with model.onnx (or onnx/model.onnx) and tokenizer.json, instead of onnx and tokenizer',
      ),
    train: trainedModel.optional(),
    contextTokens: positive
      .min(2)
      .default(128)
      .describe('tokens that the model sees at once, the prepended one counted'),
    positionStart: z
      .number()
      .int()
      .nonnegative()
      .optional()
      .describe(
        'first number of positions that the model takes as an input; default what its position table tells, else it must be given',
      ),
    prepend: z
      .union([z.string(), z.number().int().nonnegative()])
      .nullable()
      .default(null)
      .describe('token (text or id) put before every context; null for none'),
    packing: z
      .enum(['document', 'concatenate'])
      .default('document')
      .describe(
        'document: each document is cut into contexts; concatenate: documents of a shard are joined, the prepended token between them',
      ),
    edits: z
      .array(modelEdit)
      .default([])
      .describe('changes that make another model of it, as `model run --edit` does; default none'),
  })
  .describe('The language model; give `onnx` and `tokenizer`, or `folder`, or `tokenizer` and `train`.');

const activations = z
  .strictObject({
    hooks: z.array(z.string()).min(1).describe('sites, TransformerLens spelling; * matches any layer'),
    dtype: z.enum(['float16', 'float32']).default('float16').describe('stored precision'),
    dropPositions: z
      .array(z.number().int().nonnegative())
      .default([0])
      .describe('positions within a context, the prepended token counted, that are computed but not stored'),
    dropTokens: z
      .array(z.number().int().nonnegative())
      .optional()
      .describe(
        'token ids that are computed but not stored, wherever they stand in a text (special tokens); default none',
      ),
    batchTokens: positive.default(8192).describe('tokens per forward pass'),
  })
  .describe('Which activations to keep.');

/** A value of a matrix entry. */
const matrixValue = z.union([z.string(), z.number(), z.boolean()]);

export const runFile = z.strictObject({
  name: z.string().min(1).describe('name of the run; a schedule needs {{date}} or {{hour}} in it'),
  seed: z.number().int().default(0).describe('seed of everything that is not split or initialisation'),
  store: z
    .string()
    .default('file://./data')
    .describe('file://folder or s3://bucket/prefix; relative folders start at the run file'),
  storeOptions: storeOptions.optional(),
  model,
  corpus: corpusSection,
  activations,
  saes: z.array(saeSection).default([]).describe('dictionaries to train, encode and index'),
  evaluation: z
    .strictObject({
      split: z.enum(SPLITS).default('test').describe('documents to measure on'),
      resamples: positive.default(1000).describe('resamples of documents for intervals'),
      seed: z.number().int().default(0).describe('of the resamples and of the random dictionary'),
      together: z
        .array(z.array(z.string()).min(2))
        .optional()
        .describe("lists of dictionaries that are also put into the model's place all at once, e.g. [[t0, t1, t2]]"),
    })
    .optional()
    .describe('Measure every dictionary in the run, as `assay sae eval` does, beside controls; default not.'),
  index: z
    .strictObject({
      topExamples: positive.max(1024).default(64).describe('strongest examples kept per feature'),
      neighboursUpTo: z
        .number()
        .int()
        .nonnegative()
        .optional()
        .describe('features; the neighbours of a wider dictionary are left out (left out: 131072)'),
    })
    .default({ topExamples: 64 }),
  tolerance: z
    .strictObject({
      quarantinedShards: z
        .number()
        .min(0)
        .max(1)
        .default(0.01)
        .describe(
          'share of planned shards that may be quarantined before the run pauses, rounded down to whole shards',
        ),
      noProgressSeconds: positive
        .optional()
        .describe(
          'seconds in which plain work on a shard must report something, twelve times as many for one call of ONNX Runtime; a shard that hangs is quarantined; default 300',
        ),
    })
    .default({ quarantinedShards: 0.01 }),
  compute: z
    .strictObject({
      device: z.enum(['auto', 'cpu', 'cuda', 'webgpu']).default('auto').describe('auto: cuda where it loads, else cpu'),
      threadsPerSession: positive.max(256).default(1).describe('threads of one inference session; part of every key'),
    })
    .default({ device: 'auto', threadsPerSession: 1 }),
  owner: z.string().optional().describe('who is responsible; a search attribute'),
  matrix: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'letters, digits and "_"'), z.array(matrixValue).min(1))
    .optional()
    .describe(
      'makes a suite of the file: one run for each combination of these values, which stand as {{entry}} anywhere in it; the name must contain every entry',
    ),
  suite: plainName.optional().describe('name of the suite; default the name of the file'),
  parallel: positive.max(64).optional().describe('runs of the suite that are under way at once; default 4'),
});
export type RunFile = z.infer<typeof runFile>;
