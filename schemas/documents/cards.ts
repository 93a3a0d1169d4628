// The document of `assay card`.
import { z } from 'zod';
import { splitName } from '../records.js';
import { featureLabel } from './labels.js';
import { routedInfo } from './routed.js';
import { unbeatenList } from './unbeaten.js';

const count = z.number().int().nonnegative();
const tokenText = z
  .string()
  .nullable()
  .describe('what it stands for by itself; null where the tokenizer has no such id');

const example = z.strictObject({
  doc: count,
  docId: z.string(),
  split: splitName,
  pos: count.describe('of the token that was drawn, within the document'),
  start: count.describe('pos of tokens[0]'),
  value: z.number().describe('on that token; 0 where it does not fire'),
  tokens: z.array(z.string()),
  values: z.array(z.number()).describe("the feature's activation on each of `tokens`; 0 where it does not fire"),
});

const neighbour = z.strictObject({ feature: count, label: z.string().nullable(), value: z.number() });
const promotedToken = z.strictObject({ id: count, token: tokenText, value: z.number().describe('logits') });

export const featureCard = z.strictObject({
  feature: count,
  label: featureLabel.nullable(),
  n: count.describe('stored rows on which it fires'),
  density: z.number().describe('n / stored rows'),
  max: z.number().nullable(),
  mean: z.number().nullable().describe('over firings'),
  p50: z.number().nullable().describe('nearest rank over firings'),
  p90: z.number().nullable(),
  p99: z.number().nullable(),
  histogram: z
    .strictObject({
      max: z.number().describe('the greatest value, where the last bin ends; the first begins at 0'),
      counts: z.array(count).describe('firings in bins of equal width, each with its upper end'),
    })
    .nullable()
    .describe('of all firings; null where it never fires'),
  topTokens: z.array(
    z.strictObject({
      id: count,
      token: tokenText,
      n: count.describe('firings on it'),
      share: z.number().describe('n / firings'),
    }),
  ),
  bands: z
    .array(
      z.strictObject({
        band: count.describe('0 to 9: from band · max / 10, exclusive, to (band + 1) · max / 10'),
        n: count.describe('firings in it'),
        examples: z.array(example),
      }),
    )
    .describe('examples of every band of values, drawn by smallest hash; the greatest values first'),
  quiet: z.array(example).describe('rows on which it does not fire, drawn'),
  drawnFrom: z.enum(['bands', 'postings']).describe('the table, or drawn now; then without quiet rows'),
  promoted: z
    .strictObject({
      raised: z.array(promotedToken),
      lowered: z.array(promotedToken),
      tokenShare: z
        .number()
        .nullable()
        .describe('share of its activation mass that the identity of the token explains'),
    })
    .nullable()
    .describe('tokens whose logits it raises and lowers most; null where the table was not made'),
  neighbours: z
    .strictObject({
      cosine: z.array(neighbour).describe('by the cosine of decoder rows'),
      together: z.array(neighbour).describe('by firing on the same rows: phi'),
    })
    .nullable()
    .describe('null where the table was not made'),
});

export const cardDocument = z.strictObject({
  dict: z.string(),
  site: z.string(),
  splits: z.array(splitName).describe('that the numbers and examples rest on'),
  sample: z
    .strictObject({ key: z.string(), of: count.describe('features that fire, among which were drawn') })
    .nullable()
    .describe('with --sample'),
  cards: z.array(featureCard),
  unbeaten: unbeatenList,
  routed: routedInfo,
  html: z.string().nullable().describe('with --html: the file that was written'),
  coverage: z
    .strictObject({ shards: count, planned: count.nullable() })
    .optional()
    .describe('present while the dataset still grows: how much of it the answer rests on'),
});
