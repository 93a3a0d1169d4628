// Spreads unit vectors over the sphere, as the true features of SynthSAEBench are spread: Adam on the squares of their products.
//
//   L = Σ_{i≠j} (e_i·e_j)² + n Σ_i (‖e_i‖² − 1)²        ∂L/∂e_i = 4 (G e_i − ‖e_i‖² e_i) + 4 n (‖e_i‖² − 1) e_i,   G = EᵀE
//
//   E   vectors [n, d], rows of unit norm before and after            G   [d, d]
//
// Source: SAELens 6.54.12, sae_lens/synthetic/feature_dictionary.py (`orthogonalize_embeddings`). Departure: the gradient is taken
// through G, n d² products instead of n² d, which is the same sum in another order. Test: tests/golden/synthetic/orthogonal.test.ts.
import type { Matrix, Multiply } from '../../../core/tensor/matrix.js';

const [BETA1, BETA2, EPSILON] = [0.9, 0.999, 1e-8];

export interface OrthogonaliseOptions {
  readonly steps: number;
  readonly lr: number;
  readonly multiply: Multiply;
  /** Told before each step. */
  readonly progress?: (step: number) => void;
}

/** New vectors [n, d] of unit norm. */
export async function orthogonalise(start: Matrix, options: OrthogonaliseOptions): Promise<Matrix> {
  const { steps, lr, multiply, progress } = options;
  const matrix: Matrix = { ...start, data: normaliseRows(Float32Array.from(start.data), start.columns) };
  const moments = { m: new Float32Array(matrix.data.length), v: new Float32Array(matrix.data.length) };
  for (let step = 1; step <= steps; step++) {
    progress?.(step);
    const gram = await multiply(matrix, matrix, 'a');
    const pulled = await multiply(matrix, gram, 'b'); // G is symmetric
    adamStep(matrix, { pulled: pulled.data, ...moments }, { step, lr });
  }
  normaliseRows(matrix.data, matrix.columns);
  return matrix;
}

function adamStep(
  { data, rows, columns }: Matrix,
  { pulled, m, v }: { readonly pulled: Float32Array; readonly m: Float32Array; readonly v: Float32Array },
  { step, lr }: { readonly step: number; readonly lr: number },
): void {
  const rate = lr / (1 - BETA1 ** step);
  const correction = Math.sqrt(1 - BETA2 ** step);
  for (let i = 0; i < rows; i++) {
    const [from, to] = [i * columns, (i + 1) * columns];
    const square = squaredNorm(data, from, to);
    const pull = 4 * rows * (square - 1) - 4 * square;
    for (let at = from; at < to; at++) {
      const gradient = 4 * (pulled[at] as number) + pull * (data[at] as number);
      const first = BETA1 * (m[at] as number) + (1 - BETA1) * gradient;
      const second = BETA2 * (v[at] as number) + (1 - BETA2) * gradient * gradient;
      m[at] = first;
      v[at] = second;
      data[at] = (data[at] as number) - (rate * first) / (Math.sqrt(second) / correction + EPSILON);
    }
  }
}

/** Scales rows to unit norm in place. */
export function normaliseRows(data: Float32Array, width: number): Float32Array {
  for (let from = 0; from < data.length; from += width) {
    const norm = Math.max(Math.sqrt(squaredNorm(data, from, from + width)), 1e-8);
    for (let at = from; at < from + width; at++) data[at] = (data[at] as number) / norm;
  }
  return data;
}

function squaredNorm(data: Float32Array, from: number, to: number): number {
  let sum = 0;
  for (let at = from; at < to; at++) sum += (data[at] as number) ** 2;
  return sum;
}
