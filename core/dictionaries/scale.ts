// The input scale of a dictionary, the variance that its loss is measured in, and the fold of trained weights to raw units.
//
//   s = 2^round(log2(√d / √(mean ‖x‖²)))       over raw fit rows; a power of two, so that multiplying by it is exact
//   V = s² (mean ‖x‖² − ‖x̄‖²)                   mean ‖x − x̄‖² of the scaled fit rows
//
// Training sees x' = s x. With the scaled weights, f' = σ(W_enc' (s x − b_dec') + b_enc') and x_hat' = W_decᵀ' f' + b_dec'.
// Raw units are f = f' / s and x_hat = x_hat' / s:
//
//   f     = σ(W_enc' (x − b_dec'/s) + b_enc'/s)        because σ(c z) = c σ(z) for c > 0 and topk keeps its choice
//   x_hat = W_decᵀ' f + b_dec'/s
//
// so W_enc = W_enc', W_dec = W_dec' (unit rows stay unit rows), b_enc = b_enc'/s, b_dec = b_dec'/s. This is the usual fold
// (W_enc s, b_enc, W_dec / s, b_dec / s) followed by its renormalisation to unit rows (c = 1/s: W_enc, b_enc times c, W_dec
// divided by c). Division by a power of two is exact, so active set and reconstruction are the same to the last bit, unless
// a value leaves the normal range of float32: then the fold is refused. tests/unit/core/dictionaries/scale.test.ts proves it.
import { DataError } from '../../schemas/errors.js';

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

/** Weights of a dictionary by tensor name. */
export type Weights = ReadonlyMap<string, Float32Array>;

/** Weights in raw activation units from those of training. @throws DataError where a bias would lose bits. */
export function foldToRaw(weights: Weights, scale: number): Map<string, Float32Array> {
  const folded = new Map<string, Float32Array>();
  for (const [name, values] of weights) {
    folded.set(name, name.startsWith('W_') ? values : divideExactly(name, values, scale));
  }
  return folded;
}

function divideExactly(name: string, values: Float32Array, scale: number): Float32Array {
  const result = values.map((value) => value / scale);
  const lost = result.findIndex((value, i) => value * scale !== values[i]);
  if (lost >= 0) {
    const text = `Expected ${name}[${lost}] = ${values[lost] ?? NaN} to be divisible by the input scale ${scale} in float32; it leaves the range. The activations are too small or too large for this dictionary.`;
    throw new DataError(text, { tensor: name, index: lost, scale });
  }
  return result;
}
