// The document of `assay sae probe`.
import { z } from 'zod';

const count = z.number().int().nonnegative();
const nullable = z.number().nullable();
const score = z
  .strictObject({ value: nullable, lo: nullable, hi: nullable, n: count.describe('test rows') })
  .describe('with its 95 % interval over resampled documents');
const scores = z.strictObject({ balancedAccuracy: score, f1: score });
const sparse = z.strictObject({ k: count, ...scores.shape });

export const saeProbeDocument = z.strictObject({
  dictionary: z.string(),
  site: z.string().describe('what it reads'),
  labels: z.string().describe('the file, or first-letter'),
  fit: z.strictObject({ rows: count, documents: count }).describe('rows that probes were fitted to'),
  test: z.strictObject({ rows: count, documents: count }),
  mean: z
    .strictObject({ raw: scores, features: z.array(sparse), neurons: z.array(sparse) })
    .describe('over the classes: a probe of all activations, of k features, of k coordinates of the activations'),
  difference: z
    .array(z.strictObject({ k: count, f1: score, verdict: z.enum(['better', 'worse', 'undecided']) }))
    .describe('mean F1 of k features less that of k coordinates, resampled in pairs'),
  splitting: z.strictObject({ mean: nullable.describe('features per class') }),
  absorption: z
    .strictObject({ n: count, absorbed: count, rate: nullable })
    .nullable()
    .describe('of all classes; null: the dictionary does not reconstruct what it reads'),
  classes: z.array(
    z.strictObject({
      class: z.string(),
      rows: z.strictObject({ fit: count, test: count }).describe('labelled rows there are'),
      raw: scores,
      features: z.array(z.strictObject({ ...sparse.shape, reads: z.array(count).readonly() })),
      neurons: z.array(z.strictObject({ ...sparse.shape, reads: z.array(count).readonly() })),
      splitting: z.strictObject({ features: z.array(count).readonly(), f1: z.array(z.number()).readonly() }),
      absorption: z
        .strictObject({
          n: count.describe('test rows of the class that the probe of all activations gets right'),
          absorbed: count,
          rate: nullable,
          by: z.array(z.strictObject({ feature: count, n: count })).readonly(),
        })
        .nullable(),
    }),
  ),
  leftOut: z.array(z.string()).describe('classes with too few rows'),
});
