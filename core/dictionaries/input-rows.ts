// The input transforms of input-transform.ts over rows as plain numbers, for the way of applying a dictionary that is no graph: it is
// given what is encoded and what its reconstruction is held against, and gives back ‖e'‖² per row.
//
//   e = y_hat − x = factor · (y_hat' − target)
//               read x'                target             factor
//   scale       c x                    c x                1 / c,  c = √d / ‖x‖
//   centre      x − μ                  x − μ              1
//   layernorm   (x − μ) / (s + ε)      (x − μ) / s        s
// A row of zeros (scale) or of equal numbers (layernorm), which the sources make NaN or rebuild exactly, is read as zeros with factor 0.
// A transcoder is held against y itself; where it has W_skip, against y − W_skip (x − x'), because W_skip takes x.
// Proof: tests/golden/interop/applied.test.ts, the same records as for the graph.
import type { InputTransform } from '../../schemas/taken.js';

const EPSILON = 1e-5;

export interface TransformedRows {
  /** What is encoded [rows, d]. */
  readonly read: Float32Array;
  /** What an autoencoder's reconstruction is held against [rows, d]. */
  readonly target: Float32Array;
  /** By which an autoencoder's error is larger in raw units [rows]. */
  readonly factors: Float64Array;
}

/** T(x) of each row. @param x [rows, width] */
export function transformRows(transform: InputTransform, x: Float32Array, width: number): TransformedRows {
  const rows = x.length / width;
  const [read, target] = [new Float32Array(x.length), new Float32Array(x.length)];
  const factors = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const from = row * width;
    const { mean, divisor, factor } = momentsOf(transform, x.subarray(from, from + width));
    factors[row] = factor;
    for (let i = from; i < from + width; i++) {
      const centred = (x[i] as number) - mean;
      read[i] = divisor === 0 ? 0 : centred / divisor;
      target[i] = factor === 0 ? 0 : centred / factor;
    }
  }
  return { read, target, factors };
}

interface RowMoments {
  readonly mean: number;
  /** What a centred value is divided by before it is encoded; 0: the row is read as zeros. */
  readonly divisor: number;
  readonly factor: number;
}

function momentsOf(transform: InputTransform, x: Float32Array): RowMoments {
  const width = x.length;
  if (transform === 'scale') {
    const scale = Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / width); // 1 / c
    return { mean: 0, divisor: scale, factor: scale };
  }
  const mean = x.reduce((sum, value) => sum + value, 0) / width;
  if (transform === 'centre') return { mean, divisor: 1, factor: 1 };
  const s = Math.sqrt(x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (width - 1));
  return { mean, divisor: s + EPSILON, factor: s };
}

/** y − W_skip (x − x') of each row. @param W_skip [write, read] */
export function targetsBesideSkip(
  { x, read, y }: { readonly x: Float32Array; readonly read: Float32Array; readonly y: Float32Array },
  W_skip: Float32Array,
  widths: { readonly read: number; readonly write: number },
): Float32Array {
  const targets = new Float32Array(y);
  for (let row = 0; row < y.length / widths.write; row++)
    for (let j = 0; j < widths.write; j++) {
      let sum = 0;
      for (let i = 0; i < widths.read; i++) {
        const at = row * widths.read + i;
        sum += (W_skip[j * widths.read + i] as number) * ((x[at] as number) - (read[at] as number));
      }
      targets[row * widths.write + j] = (y[row * widths.write + j] as number) - sum;
    }
  return targets;
}
