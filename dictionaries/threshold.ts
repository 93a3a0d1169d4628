// θ of kinds that choose over a batch in training: one limit for all features, so that so many scores of the calib rows lie above.
import { computeThreshold } from '../core/dictionaries/calib-threshold.js';

/** θ such that `wanted` of all scores are above it. @param batches the largest scores of each batch of rows, twice as many as are chosen */
export async function batchThresholdOf(batches: AsyncIterable<Float32Array>, wanted: number): Promise<number> {
  const all: Float32Array[] = [];
  for await (const scores of batches) all.push(scores);
  return computeThreshold(() => all, wanted);
}
