// The scale of a site, and the variance that a loss is measured in.
//
//   s = 2^round(log2(√d / √(mean ‖x‖²)))       over raw fit rows; a power of two, so that multiplying by it is exact
//   V = s² (mean ‖x‖² − ‖x̄‖²)                   mean ‖x − x̄‖² of the scaled fit rows
//
// Training sees s x; `units.ts` folds trained weights back to raw units.
import { DataError } from '../../schemas/errors.js';
import type { DictionarySites } from './sites.js';
import type { SiteScales } from './units.js';

/** Sums over rows: count, Σ x [d], Σ ‖x‖². Mergeable. */
export interface Moments {
  readonly rows: number;
  readonly sumX: Float64Array;
  readonly sumSq: number;
}

/** What training needs to know of the fit rows, in scaled units except `scale` itself. */
export interface InputScale {
  /** s: raw rows are multiplied by it. */
  readonly scale: number;
  /** x̄ of the scaled fit rows [d]. */
  readonly mean: Float64Array;
  /** V: mean ‖x − x̄‖² of the scaled fit rows. */
  readonly variance: number;
}

/** Sum of moments, added in the given order, which must be the order of shards. @throws DataError where widths differ. */
export function mergeMoments(parts: readonly Moments[]): Moments {
  const width = parts[0]?.sumX.length ?? 0;
  const sumX = new Float64Array(width);
  let rows = 0;
  let sumSq = 0;
  for (const part of parts) {
    if (part.sumX.length !== width) {
      const text = `Expected moments of width ${width}, found ${part.sumX.length}; the shards are of different sites.`;
      throw new DataError(text, { expected: width, found: part.sumX.length });
    }
    for (let i = 0; i < width; i++) sumX[i] = (sumX[i] as number) + (part.sumX[i] as number);
    rows += part.rows;
    sumSq += part.sumSq;
  }
  return { rows, sumX, sumSq };
}

/** Scale, mean and variance of the fit rows. @throws DataError where there are no rows, or all are equal. */
export function computeScale({ rows, sumX, sumSq }: Moments): InputScale {
  const meanSq = sumSq / rows;
  const mean = sumX.map((sum) => sum / rows);
  const rawVariance = meanSq - mean.reduce((total, m) => total + m * m, 0);
  if (!(rows > 0 && Number.isFinite(meanSq) && rawVariance > 1e-9 * meanSq)) {
    const text = `Expected fit rows that differ from each other, found ${rows} rows with mean squared norm ${meanSq} and variance ${rawVariance}; there is nothing to train on.`;
    throw new DataError(text, { rows, meanSq, rawVariance });
  }
  const scale = 2 ** Math.round(Math.log2(Math.sqrt(sumX.length) / Math.sqrt(meanSq)));
  return { scale, mean: mean.map((m) => m * scale), variance: rawVariance * scale * scale };
}

/** V of a dictionary: mean ‖x − x̄‖² over all that it writes. */
export function targetVariance({ writes }: DictionarySites, scales: readonly InputScale[]): number {
  return writes.reduce((sum, place) => sum + (scales[place] as InputScale).variance, 0);
}

/** s of what a dictionary reads and writes. */
export function siteScales({ reads, writes }: DictionarySites, scales: readonly InputScale[]): SiteScales {
  const of = (places: readonly number[]): number[] => places.map((place) => (scales[place] as InputScale).scale);
  return { reads: of(reads), writes: of(writes) };
}
