// Quality of reconstructions as mergeable sums: one definition each, in float64. Must be fed rows that nothing was fitted to
// before its numbers are called results.

/** Sums over rows: count, Σ‖e‖², Σ‖x‖², Σ x [d], pairs that fired. */
export interface ReconstructionSums {
  readonly rows: number;
  readonly errSq: number;
  readonly xSq: number;
  readonly sumX: Float64Array;
  readonly firings: number;
}

/** FVU = Σ‖x − x_hat‖² / Σ‖x − x̄‖², x̄ = mean of the rows summed here; the denominator as Σ‖x‖² − N‖x̄‖². NaN without rows. */
export function computeFvu({ rows, errSq, xSq, sumX }: Omit<ReconstructionSums, 'firings'>): number {
  const squaredSum = sumX.reduce((total, sum) => total + sum * sum, 0);
  return rows === 0 ? NaN : errSq / (xSq - squaredSum / rows);
}

/** L0 = features that fire (f > 0, after relu) per row. NaN without rows. */
export function computeL0({ rows, firings }: Pick<ReconstructionSums, 'rows' | 'firings'>): number {
  return rows === 0 ? NaN : firings / rows;
}
