// Which token follows, given the logits of one position.
//
//   p_i = exp(l_i − max l) / Σ_j exp(l_j − max l)                            in float64
//   greedy: the i of the largest l_i
//   sampled: l_i / T, the K largest alone, then i by the inverse of the cumulated p in the order of ids
//
// Ties: the lower id. Whoever samples gives a uniform number of their own, so that two models can be given the same ones.
// Proof: tests/unit/core/language-model/next-token.test.ts, tests/golden/generate.
import { DataError } from '../../schemas/errors.js';

export interface Sampling {
  /** T > 0. */
  readonly temperature: number;
  /** K; null: all tokens. */
  readonly topK: number | null;
}

/** The most likely token. */
export function mostLikely(logits: Float32Array): number {
  return logits.reduce((best, logit, i) => (logit > (logits[best] as number) ? i : best), 0);
}

/** A token drawn by `uniform` in [0, 1). */
export function drawToken(logits: Float32Array, { temperature, topK }: Sampling, uniform: number): number {
  const ids = topK === null || topK >= logits.length ? null : largest(logits, topK);
  const kept = ids === null ? logits : Float32Array.from(ids, (id) => logits[id] as number);
  const weights = exponentials(kept, temperature);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let left = uniform * total;
  let last = 0;
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i] as number;
    if (weight > 0) last = i;
    if (left < weight) break;
    left -= weight;
  }
  return ids === null ? last : (ids[last] as number);
}

/** p of one token. */
export function tokenProbability(logits: Float32Array, id: number): number {
  const weights = exponentials(logits, 1);
  return (weights[id] as number) / weights.reduce((sum, weight) => sum + weight, 0);
}

/** @throws DataError where a logit is not a number, or none is finite */
export function requireNumbers(logits: Float32Array, where: string): void {
  const broken = logits.findIndex(Number.isNaN);
  if (broken < 0 && Number.isFinite(logits[mostLikely(logits)])) return;
  throw new DataError(
    `Expected logits that are numbers ${where}, found ${broken < 0 ? 'no finite one' : `NaN for token ${broken}`}. An edit, or the model itself, drives its values out of range: make the edit weaker.`,
    { token: broken },
  );
}

/** Ids of the K largest, in the order of ids. */
function largest(logits: Float32Array, topK: number): Uint32Array {
  const ids = Uint32Array.from(logits, (_, id) => id);
  ids.sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b);
  return ids.slice(0, topK).sort();
}

function exponentials(logits: Float32Array, temperature: number): Float64Array {
  const most = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  return Float64Array.from(logits, (logit) => Math.exp((logit - most) / temperature));
}
