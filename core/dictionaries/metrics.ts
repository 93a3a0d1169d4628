// Quality of reconstructions as mergeable sums: one definition each, in float64. Must be fed rows that nothing was fitted to
// before its numbers are called results.

/** Sums over rows: count, Σ‖e‖², Σ‖x‖², pairs that fired. */
export interface ReconstructionSums {
  readonly rows: number;
  readonly errSq: number;
  readonly xSq: number;
  readonly firings: number;
}

/** ‖x̄‖² = Σ_j (S_j / N)², S = Σ x [d]. 0 without rows. */
export function squaredMean(sumX: Float64Array, rows: number): number {
  return rows === 0 ? 0 : sumX.reduce((total, sum) => total + (sum / rows) ** 2, 0);
}

type Squares = Omit<ReconstructionSums, 'firings'>;

/**
 * FVU = Σ‖x − x_hat‖² / Σ‖x − x̄‖². NaN without rows; no share of anything where `variationOf` is not above 0.
 * @param meanSq ‖x̄‖² of the rows summed here (`squaredMean`); of all rows in a resample
 */
export function computeFvu(sums: Squares, meanSq: number): number {
  return sums.errSq / variationOf(sums, meanSq);
}

/** Σ‖x − x̄‖² as Σ‖x‖² − N‖x̄‖². */
export function variationOf({ rows, xSq }: Squares, meanSq: number): number {
  return xSq - rows * meanSq;
}

/**
 * FVU with N‖x̄‖² associated as (Σ_j S_j²) / N: last bits that the calib rows of `training` tables have always had, kept until the
 * version of the train stage is raised. Everything else uses `computeFvu`.
 */
export function computeCalibFvu({ rows, errSq, xSq, sumX }: Squares & { readonly sumX: Float64Array }): number {
  const squaredSum = sumX.reduce((total, sum) => total + sum * sum, 0);
  return rows === 0 ? NaN : errSq / (xSq - squaredSum / rows);
}

/** L0 = features that fire (f > 0, after relu) per row. NaN without rows. */
export function computeL0({ rows, firings }: Pick<ReconstructionSums, 'rows' | 'firings'>): number {
  return rows === 0 ? NaN : firings / rows;
}
