// The document of `assay sae bench`.
import { z } from 'zod';

const count = z.number().int().nonnegative();
const share = z.number().min(0).max(1);

export const saeBenchDocument = z.strictObject({
  generator: z.strictObject({
    name: z.enum(['synth-16k', 'toy']),
    features: count.describe('true features'),
    width: count,
    seed: z.number().int(),
    digest: z
      .string()
      .nullable()
      .describe('SHA-256 of the directions of the true features; null where they were not made'),
  }),
  dictionary: z.strictObject({
    architecture: z.string(),
    features: count,
    settings: z
      .record(z.string(), z.union([z.number(), z.array(z.number())]))
      .describe('those that only some kinds use, as k'),
    lr: z.number(),
    seed: z.number().int(),
  }),
  budget: z.strictObject({
    samples: count.describe('rows trained on, each once'),
    steps: count,
    batchRows: count,
    testSamples: count.describe('rows that the results are measured on'),
    threads: count,
  }),
  memoryBytes: z.number().describe('estimated'),
  dryRun: z.boolean(),
  results: z
    .strictObject({
      mcc: z.number().describe('mean similarity of features with the true ones assigned to them, one to one'),
      shared: share.describe('share of those pairs with a similarity of at least 0.7'),
      uniqueness: share.describe('different most similar true features, per feature'),
      f1: share.describe('of firing against the most similar true feature, mean over features'),
      precision: share,
      recall: share,
      f1Assigned: share.describe('of firing against the assigned true feature, mean over features'),
      explainedVariance: z.number().describe('1 − FVU, mean of the test rows in the denominator'),
      l0: z.number().describe('features that fire per row'),
      trueL0: z.number().describe('true features that are active per row'),
      silent: share.describe('features without a firing on the test rows'),
      deadTraining: share.nullable().describe('features that had not fired for 1,000 batches when the training ended'),
      duplicates: share.describe('decoder rows with a cosine of at least 0.9 with an earlier one'),
      drawSeconds: z.number().describe('spent drawing rows to train on'),
      trainSeconds: z.number(),
      ort: z.string(),
      cpu: z.string(),
    })
    .nullable()
    .describe('null for a dry run'),
  published: z
    .array(
      z.strictObject({
        architecture: z.string(),
        l0: z.number(),
        f1: share,
        mcc: share,
        uniqueness: share,
        explainedVariance: share,
        samples: count,
      }),
    )
    .describe('results that others published for this generator and number of features, and their budget'),
});
