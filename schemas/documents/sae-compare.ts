// The document of `assay sae compare`.
import { z } from 'zod';

const count = z.number().int().nonnegative();
const cosine = z.number().min(-1.001).max(1.001);

export const saeCompareDocument = z.strictObject({
  dictionaries: z.array(
    z.strictObject({
      dictionary: z.string(),
      features: count,
      writes: z.array(z.string()).readonly().describe('sites whose decoder rows are compared'),
      duplicates: z
        .strictObject({ threshold: z.number(), count, share: z.number() })
        .describe('decoder rows whose cosine with an earlier row of the same dictionary is at least `threshold`'),
    }),
  ),
  pairs: z.array(
    z.strictObject({
      a: z.string(),
      b: z.string(),
      pairs: count.describe('features that were matched one to one: those of the smaller dictionary'),
      mcc: cosine.describe('mean cosine of the matched decoder rows, the matching with the largest sum'),
      shared: z.number().describe('share of the pairs with a cosine of at least 0.7'),
      p10: cosine,
      p50: cosine,
      p90: cosine,
      randomMcc: cosine.describe('the same of `a` with random rows in the place of `b`'),
      sameStart: z
        .boolean()
        .describe('both began from the same first values (seed, kind of start): their likeness is then no evidence'),
      least: z.strictObject({ feature: count.describe('of a'), other: count.describe('of b'), cosine }),
    }),
  ),
});
