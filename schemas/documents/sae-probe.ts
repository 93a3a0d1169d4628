// The document of `assay sae probe`.
import { z } from 'zod';
import { splitName } from '../records.js';

const count = z.number().int().nonnegative();
const numbers = z.array(count).readonly();

const metric = z
  .strictObject({
    value: z.number().nullable().describe('null where it has no meaning'),
    lo: z.number().nullable().describe('lower end of the 95 % interval over resampled documents'),
    hi: z.number().nullable().describe('upper end'),
    n: count.describe('test rows; of means over classes, classes'),
  })
  .describe('one number');
const probe = { f1: metric, balancedAccuracy: metric };
const difference = metric.describe('balanced accuracy of the dictionary less that of as many neurons');
const verdict = z.enum(['better', 'worse', 'undecided']);
const kept = z.strictObject({ fit: count, test: count });

export const saeProbeDocument = z.strictObject({
  dictionary: z.string(),
  site: z.string(),
  labels: z.string().describe('`first-letter`, or the name of the file'),
  fit: splitName.describe('documents that probes are chosen and fitted on'),
  test: splitName.describe('documents that they answer on'),
  rowsPerClass: count,
  resamples: count,
  seed: count,
  shards: z
    .strictObject({
      fit: z.strictObject({ read: count, of: count }),
      test: z.strictObject({ read: count, of: count }),
    })
    .describe('shards that rows were drawn from, of those that are stored'),
  documents: kept.describe('documents with a row'),
  classes: z.array(
    z.strictObject({
      label: z.string(),
      rows: kept.describe('rows of the class; as many of the others stand against them'),
      dictionary: z.array(z.strictObject({ k: count, features: numbers, ...probe })),
      neurons: z.array(z.strictObject({ k: count, neurons: numbers, ...probe })),
      raw: z.strictObject(probe).describe('probe on all activations'),
      difference: z.array(z.strictObject({ k: count, ...difference.shape, verdict })),
      splitting: z.strictObject({
        features: numbers.describe('those that the class takes'),
        f1: z.array(z.number()).describe('of probes on 1, 2, … features of largest mean difference towards the class'),
      }),
      absorption: z
        .strictObject({
          fraction: metric.describe(
            'mean part of the class that other features have taken over; n: rows that the raw probe finds',
          ),
          full: metric.describe('share of rows on which one other feature has taken over whole'),
          counted: z.boolean().describe('whether the raw probe is good enough for the mean over classes'),
          absorbers: z.array(z.strictObject({ feature: count, rows: count })).describe('features that took over whole'),
        })
        .nullable()
        .describe('null for a dictionary that writes another site than it reads'),
    }),
  ),
  mean: z
    .strictObject({
      dictionary: z.array(z.strictObject({ k: count, ...probe })),
      neurons: z.array(z.strictObject({ k: count, ...probe })),
      raw: z.strictObject(probe),
      difference: z.array(z.strictObject({ k: count, ...difference.shape, verdict })),
      splitting: z.number().describe('features per class'),
      absorption: z.strictObject({ fraction: metric, full: metric }).nullable(),
    })
    .describe('means over classes'),
  leftOut: z
    .array(z.strictObject({ label: z.string(), rows: kept }))
    .describe('classes with rows, but too few in a split'),
});
