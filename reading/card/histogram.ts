// The histogram of a feature's firings: counted by stored value, so that any bins follow exactly. Pure.
//   bin of v > 0: the b with b · max / BINS < v ≤ (b + 1) · max / BINS; four bins are one of the ten bands of the table `bands`
import { halfToFloat } from '../../core/tensor/half.js';

export const BINS = 40;
const HALVES = 65_536;

export class ValueCounts {
  readonly #counts = new Float64Array(HALVES);

  /** @param values halves */
  add(values: Uint16Array): void {
    for (const half of values) this.#counts[half] = (this.#counts[half] as number) + 1;
  }

  /** The greatest value; null without values. */
  get max(): number | null {
    let max: number | null = null;
    this.#counts.forEach((count, half) => {
      if (count > 0) max = Math.max(max ?? -Infinity, halfToFloat(half));
    });
    return max;
  }

  /** Null where no value is above 0. */
  histogram(): { readonly max: number; readonly counts: number[] } | null {
    const { max } = this;
    if (max === null || max <= 0) return null;
    const counts = new Array<number>(BINS).fill(0);
    this.#counts.forEach((count, half) => {
      const value = count === 0 ? 0 : halfToFloat(half);
      if (!(value > 0)) return;
      const bin = Math.min(BINS - 1, Math.ceil((BINS * value) / max) - 1);
      counts[bin] = (counts[bin] as number) + count;
    });
    return { max, counts };
  }
}
