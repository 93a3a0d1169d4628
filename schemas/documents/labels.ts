// The document of `assay label`, and a feature's label as other documents hold it.
import { z } from 'zod';

const count = z.number().int().nonnegative();

export const featureLabel = z
  .strictObject({
    label: z.string(),
    source: z.enum(['auto', 'user']).describe('user: given by hand, which overrides'),
    score: z
      .number()
      .nullable()
      .describe('of an automatic label: how well it tells where the feature fires; else null'),
    n: count.describe('examples that the score rests on; 0 without one'),
  })
  .describe('what the feature is called');

export const labelDocument = z.strictObject({
  dict: z.string(),
  dictionary: z.string().describe('SHA-256 of its weights, to which the labels belong'),
  changed: count.describe('labels that this command gave, replaced or removed'),
  total: count.describe('labels that are there of those asked for'),
  labels: z
    .array(z.strictObject({ feature: count, ...featureLabel.shape }))
    .describe('in the order of features: those changed, or those asked for, as they stand now'),
});
