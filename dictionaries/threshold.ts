// θ of kinds that choose over a batch in training: one limit for all features, so that so many scores of the calib rows lie above.
// Of each batch the largest scores are kept, twice as many as are chosen. What was left out of a batch can only raise θ: the first θ
// is a lower bound, and batches that may have left out scores above it are gone through once more, for all that lie above.
import { computeThreshold } from '../core/dictionaries/calib-threshold.js';
import type { LargestScores } from './slice/largest.js';
import { below } from './slice/largest.js';

/** The batches of the calib rows, by number. */
export interface ScoredBatches {
  readonly count: number;
  /** The largest scores of a batch. */
  largest(batch: number): Promise<LargestScores>;
  /** All of them above `from`. */
  above(batch: number, from: number): Promise<Float32Array>;
}

/** θ such that `wanted` of all scores are above it, exactly. */
export async function batchThresholdOf(batches: ScoredBatches, wanted: number): Promise<number> {
  const values: Float32Array[] = [];
  const limits: number[] = [];
  for (let batch = 0; batch < batches.count; batch++) {
    const own = await batches.largest(batch);
    values.push(own.values);
    limits.push(own.limit);
  }
  const first = await computeThreshold(() => values, wanted);
  const cut = limits.flatMap((limit, batch) => (limit > first ? [batch] : []));
  if (cut.length === 0) return first;
  for (const batch of cut) values[batch] = await batches.above(batch, first > 0 ? below(first) : 0);
  return computeThreshold(() => values, wanted);
}
