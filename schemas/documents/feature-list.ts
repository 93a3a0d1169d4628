// The document of `assay features`.
import { z } from 'zod';
import { splitName } from '../records.js';
import { featureLabel } from './labels.js';
import { routedInfo } from './routed.js';
import { unbeatenList } from './unbeaten.js';

const count = z.number().int().nonnegative();

const token = z.strictObject({
  id: count,
  token: z.string().nullable().describe('what it stands for by itself; null where the tokenizer has no such id'),
  n: count.describe('firings on it'),
  share: z.number().describe('n / firings of the feature'),
});

const listed = z.strictObject({
  feature: count,
  n: count.describe('stored rows on which it fires'),
  density: z.number().describe('n / stored rows'),
  max: z.number().nullable().describe('greatest value; null where it never fires'),
  topTokens: z.array(token).describe('on which it fires most often'),
  label: featureLabel.nullable(),
  onToken: z
    .strictObject({
      n: count.describe('firings on the token'),
      precision: z.number().describe('n / firings of the feature'),
      recall: z.number().nullable().describe('n / stored rows of the token; null where these are not known'),
    })
    .optional()
    .describe('with --token'),
  cosine: z.number().optional().describe('with --like: of the decoder rows'),
});

export const featuresDocument = z.strictObject({
  dict: z.string(),
  features: count.describe('that the index holds'),
  matching: count.describe('that fit the filters'),
  sort: z
    .string()
    .describe('feature ascending, all others descending; match: F1 of precision and recall, or the cosine'),
  offset: count,
  splits: z.array(splitName).describe('that the numbers rest on'),
  token: z
    .strictObject({
      text: z.string(),
      ids: z.array(count).describe('tokens of that text'),
      rows: count.nullable().describe('stored rows of it; null where they cannot be told'),
      method: z
        .enum(['acts', 'top_tokens'])
        .describe(
          'acts: counted on every stored row of the token, exact for all features; top_tokens: exact for the features among whose ten most frequent tokens it is, and others are left out',
        ),
    })
    .optional()
    .describe('with --token'),
  like: z
    .strictObject({
      feature: count,
      method: z.enum(['neighbours', 'weights']).describe('the table, or computed from the decoder rows'),
    })
    .optional()
    .describe('with --like'),
  list: z.array(listed),
  unbeaten: unbeatenList,
  routed: routedInfo,
  coverage: z
    .strictObject({ shards: count, planned: count.nullable() })
    .optional()
    .describe('present while the dataset still grows: how much of it the answer rests on'),
});
