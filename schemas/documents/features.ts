// The documents of the commands that answer questions about dictionaries and their features.
import { z } from 'zod';
import { featureCard } from './cards.js';
import { featureLabel } from './labels.js';
import { leftOutList } from './left-out.js';
import { saeEvalDocument } from './sae.js';
import { routedInfo } from './routed.js';
import { unbeatenList } from './unbeaten.js';
import { splitName } from '../records.js';

const count = z.number().int().nonnegative();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const coverage = z
  .strictObject({ shards: count, planned: count.nullable() })
  .describe('present while the dataset still grows: how much of it the answer rests on');

export const topDocument = z.strictObject({
  dict: z.string(),
  feature: count,
  n: count.describe('rows on which the feature fires'),
  density: z.number().describe('n / stored rows'),
  label: featureLabel.nullable(),
  unbeaten: unbeatenList,
  routed: routedInfo,
  topTokens: z
    .array(
      z.strictObject({
        id: count,
        token: z.string().nullable().describe('what it stands for by itself; null where the tokenizer has no such id'),
        n: count.describe('firings on it'),
      }),
    )
    .describe('on which it fires most often; none before the index covers the feature'),
  promoted: featureCard.shape.promoted,
  neighbours: featureCard.shape.neighbours,
  examples: z.array(
    z.strictObject({
      doc: count,
      docId: z.string(),
      split: splitName,
      pos: count.describe('of the token on which the feature fires most strongly, within the document'),
      start: count.describe('pos of tokens[0]'),
      value: z.number(),
      tokens: z.array(z.string()),
      values: z.array(z.number()).describe("the feature's activation on each of `tokens`; 0 where it does not fire"),
    }),
  ),
  coverage: coverage.optional(),
});

export const findDocument = z.strictObject({
  dict: z.string(),
  site: z.string(),
  text: z.string(),
  tokens: z.array(
    z.strictObject({
      pos: count,
      id: count,
      start: count.describe('first code point of the token in the text'),
      end: count,
      token: z.string(),
      stored: z.boolean().describe('false for positions that the run drops'),
      features: z
        .array(
          z.strictObject({
            feature: count,
            value: z.number(),
            label: z.string().nullable().describe('what the feature is called'),
          }),
        )
        .describe('strongest first'),
    }),
  ),
});

export const sqlDocument = z.strictObject({
  columns: z.array(z.strictObject({ name: z.string(), type: z.string() })),
  rows: z
    .array(z.array(z.unknown()))
    .describe(
      'one list per row, in the order of `columns`; a number that no float64 holds (whole beyond 2^53, decimal, NaN, infinity) is text with all its digits',
    ),
  coverage: z
    .array(
      z.strictObject({
        table: z.string(),
        dataset: z.string(),
        shards: count,
        planned: count.nullable(),
      }),
    )
    .describe('tables that the query names and whose dataset still grows'),
});

const metric = z
  .strictObject({
    value: z.number().nullable().describe('null where it has no meaning: no rows, or rows without variance'),
    lo: z.number().nullable().describe('lower end of the interval; null where none is stored'),
    hi: z.number().nullable().describe('upper end of the interval'),
    n: count.describe('what it was measured over: tokens for fvu and l0, features for silent and dense'),
  })
  .describe('one number of one split');

/** A dictionary's numbers, side by side with those of others. */
export const metricsDocument = z.array(
  z.strictObject({
    dictionary: z.string(),
    revision: count.describe('of the run that made it'),
    key: sha256.describe('of the index stage; `explain` says what it is made of'),
    snapshot: count.describe('version of the pinned snapshot of the index'),
    level: z.number().describe('of the intervals'),
    method: z.string().describe('of the intervals'),
    leftOut: leftOutList,
    source: z
      .enum(['evaluation', 'index'])
      .describe('where the numbers of test come from: `assay sae eval`, with controls, or the stage index'),
    evaluation: saeEvalDocument
      .nullable()
      .describe('of `assay sae eval`: on the test split, beside controls; null where the present weights have none'),
    outdated: z.boolean().describe('whether there is an evaluation of earlier weights alone'),
    unbeaten: unbeatenList,
    splits: z.array(
      z.strictObject({
        split: splitName.describe('test: nothing was fitted to it'),
        rows: count.describe('tokens'),
        documents: count,
        firings: count,
        metrics: z.strictObject({
          fvu: metric.describe('fraction of variance unexplained'),
          l0: metric.describe('features per token'),
          silent: metric.describe('features without a firing in this split'),
          dense: metric.describe("features that fire on more than 10 % of this split's tokens"),
        }),
      }),
    ),
  }),
);
