// The documents of the commands about single dictionaries.
import { z } from 'zod';
import { EXACT_BECAUSE } from '../dictionaries.js';
import { splitName } from '../records.js';

const count = z.number().int().nonnegative();

const metric = z
  .strictObject({
    value: z.number().nullable().describe('null where it has no meaning, or was not measured'),
    lo: z.number().nullable().describe('lower end of the 95 % interval; null for counts of features'),
    hi: z.number().nullable().describe('upper end of the interval'),
    n: count.describe('tokens for means, predicted tokens for cross-entropy, features for counts of them'),
  })
  .describe('one number');

export const saeEvalDocument = z.strictObject({
  dictionary: z.string(),
  model: z.string().describe('digest of the model; with edits, their digest behind a #'),
  split: splitName,
  rows: count,
  documents: count,
  metrics: z.strictObject({
    fvu: metric.describe('fraction of variance unexplained'),
    l0: metric.describe('features per token'),
    ceRecoveredMean: metric.describe('share of the cross-entropy lost by mean ablation that the dictionary recovers'),
    ceRecoveredZero: metric.describe('the same for zero ablation'),
    deltaCeNats: metric.describe('cross-entropy with the dictionary in place, less that of the clean model'),
    cosine: metric.describe('mean cosine of rows and their reconstructions'),
    reconstructionBias: metric.describe('1: unbiased; below 1: shrunken'),
    silent: metric.describe('features without a firing on these rows'),
    dense: metric.describe('features that fire on more than 10 % of these rows'),
    deadTraining: metric.describe('features silent for the window at the end of training'),
  }),
  controls: z.record(
    z.string(),
    z.strictObject({
      fvu: metric,
      l0: metric,
      cosine: metric,
      reconstructionBias: metric,
      fvuDifference: metric.describe(
        'fvu of the dictionary less that of the control; below 0: the dictionary is better',
      ),
    }),
  ),
  training: z
    .strictObject({
      steps: count,
      tokens: count,
      updates: z.strictObject({
        median: count.describe('steps in which the median feature fired'),
        atLeast100: z.number().describe('share of features that fired in at least 100 steps'),
      }),
      movement: z.strictObject({
        median: z.number().describe('‖w − w₀‖ / ‖w₀‖ of decoder rows from their first values'),
        rows: count.describe('rows looked at'),
      }),
      candidates: z
        .strictObject({
          recall: z.number().nullable().describe('share of what exact scores choose that candidates in 8 bits held'),
          measured: count.describe('features that exact scores chose, on the rows looked at'),
          exactFrom: count.nullable().describe('steps done when it went on with exact candidates; null: it did not'),
          because: z.enum(EXACT_BECAUSE).nullable().describe('recall below 0.999; a processor without exact products'),
        })
        .optional()
        .describe('of a training with `candidates: int8`'),
    })
    .optional()
    .describe('how far the training has come; `describe` alone, of a dictionary that was trained here'),
  leftOut: count.optional().describe("documents of another run's corpus whose text the dictionary was fitted to"),
});
