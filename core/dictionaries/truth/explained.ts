// Explained variance over rows that come in batches, in float64: EV = 1 − FVU with the mean of the rows measured.
//
//   EV = 1 − Σ‖x − x_hat‖² / Σ‖x − x̄‖²
//
// Sums are of x − c for a fixed c near the mean, which changes nothing but rounding: Σ‖x‖² − N‖x̄‖² of rows with a large mean would
// lose it. (SAELens printed too large an EV from March 2025 to July 2026: it took the mean of x² for the square of the mean.)
// Test: tests/golden/truth/measures.test.ts, against two passes over rows with a large mean.
import { type ReconstructionSums, computeFvu, squaredMean } from '../metrics.js';

export class ExplainedVariance {
  readonly #centre: Float64Array;
  readonly #sumX: Float64Array;
  readonly #sums: { -readonly [Name in keyof ReconstructionSums]: ReconstructionSums[Name] };

  /** @param centre c [d]: any point near the mean of the rows */
  constructor(centre: ArrayLike<number>) {
    this.#centre = Float64Array.from(centre);
    this.#sumX = new Float64Array(centre.length);
    this.#sums = { rows: 0, errSq: 0, xSq: 0, firings: 0 };
  }

  /** Adds rows x [b, d] with the squared norm of each one's error [b]. */
  add(x: Float32Array, errSq: Float32Array | Float64Array): void {
    const width = this.#centre.length;
    for (let at = 0; at < x.length;) {
      for (let j = 0; j < width; j++, at++) {
        const value = (x[at] as number) - (this.#centre[j] as number);
        this.#sumX[j] = (this.#sumX[j] as number) + value;
        this.#sums.xSq += value * value;
      }
    }
    for (const error of errSq) this.#sums.errSq += error;
    this.#sums.rows += errSq.length;
  }

  /** NaN without rows. */
  value(): number {
    return 1 - computeFvu(this.#sums, squaredMean(this.#sumX, this.#sums.rows));
  }
}
