// Which of the features that stand alone are active on a row, without trying each: there are thousands, a few fire.
//
// Given the row's common factors ε, feature i fires with probability π_i = Φ(w_i), w_i = (f_i·ε − t_i) / s_i, independently. With a
// uniform number U_i it fires when U_i < π_i. For a level β = Φ(ω):
//   U_i < β        has the same chance for every feature: those features are found by jumps of geometric length, and U_i is then
//                  uniform below β
//   U_i ≥ β        can fire only where π_i > β, that is w_i > ω: the few *lifted* features f_i·ε > t_i + s_i ω, and then with
//                  chance (π_i − β) / (1 − β)
// Every feature fires with exactly π_i, at a few per cent of the random numbers. Lifted features are found from one float32 product
// for many rows, with a margin above its error, and then looked at in float64: what is drawn does not depend on who multiplies.
// Test: tests/unit/organisms/loners.test.ts (against each feature's own chance).
import { normalCdf, normalQuantile } from '../../../core/statistics/normal.js';
import type { Matrix, Multiply } from '../../../core/tensor/matrix.js';
import type { KeyedRandom } from '../../../core/tensor/random.js';
import type { SynthBenchModel } from './model.js';

/** β. Changes which numbers are drawn, not their law. */
const LEVEL = 0.015;
/** Far above the error of a float32 product of a few dozen numbers near 1. */
const MARGIN = 1e-3;

/** Lifted features of rows, ascending: row r has entries offsets[r] … offsets[r + 1] − 1, counted from the first that stands alone. */
export interface Lifted {
  readonly offsets: Uint32Array;
  readonly feature: Int32Array;
}

type Parts = Pick<SynthBenchModel, 'forest' | 'factors' | 'own' | 'thresholds' | 'settings'>;

export class Loners {
  readonly #first: number;
  readonly #count: number;
  readonly #rank: number;
  readonly #model: Parts;
  /** f of the features that stand alone [count, r], in float32. */
  readonly #factors: Matrix;
  /** t_i + s_i ω. */
  readonly #lift: Float64Array;
  readonly #jump = 1 / Math.log1p(-LEVEL);
  readonly #jumped: Int32Array;

  constructor(model: Parts) {
    const { thresholds, own, factors, forest, settings } = model;
    this.#model = model;
    this.#first = forest.treed;
    this.#count = settings.features - forest.treed;
    this.#rank = settings.correlation.rank;
    this.#factors = {
      data: Float32Array.from(factors.subarray(this.#first * this.#rank)),
      rows: this.#count,
      columns: this.#rank,
    };
    const omega = normalQuantile(LEVEL);
    this.#lift = thresholds.subarray(this.#first).map((t, i) => t + (own[this.#first + i] as number) * omega);
    this.#jumped = new Int32Array(this.#count);
  }

  /** Features that common factors lift, and a few that they all but lift. @param epsilon ε of rows [rows, r] */
  async findLifted(epsilon: Matrix, multiply: Multiply): Promise<Lifted> {
    const offsets = new Uint32Array(epsilon.rows + 1);
    const found: number[] = [];
    if (this.#count === 0) return { offsets, feature: new Int32Array(0) };
    const { data } = await multiply(epsilon, this.#factors, 'b');
    const least = Float32Array.from(this.#lift, (lift) => lift - MARGIN);
    for (let row = 0, at = 0; row < epsilon.rows; row++) {
      for (let i = 0; i < least.length; i++) if ((data[at++] as number) > (least[i] as number)) found.push(i);
      offsets[row + 1] = found.length;
    }
    return { offsets, feature: Int32Array.from(found) };
  }

  /** Calls `fire` for each that is active, in two sweeps over features. @param epsilon ε of the row [r] */
  draw(
    epsilon: Float64Array,
    lifted: Int32Array,
    { random, fire }: { readonly random: KeyedRandom; readonly fire: (feature: number) => void },
  ): void {
    let jumps = 0;
    for (let i = this.#next(-1, random); i < this.#count; i = this.#next(i, random)) {
      this.#jumped[jumps++] = i;
      if (random.nextFloat() * LEVEL < this.#chance(i, epsilon)) fire(this.#first + i);
    }
    let jump = 0;
    for (const i of lifted) {
      while (jump < jumps && (this.#jumped[jump] as number) < i) jump++;
      // Below β it was decided already.
      if (jump < jumps && this.#jumped[jump] === i) continue;
      if (this.#common(i, epsilon) <= (this.#lift[i] as number)) continue;
      if (random.nextFloat() * (1 - LEVEL) < this.#chance(i, epsilon) - LEVEL) fire(this.#first + i);
    }
  }

  #next(i: number, random: KeyedRandom): number {
    return i + 1 + Math.floor(Math.log(1 - random.nextFloat()) * this.#jump);
  }

  /** π_i. */
  #chance(i: number, epsilon: Float64Array): number {
    const { thresholds, own } = this.#model;
    const feature = this.#first + i;
    return normalCdf((this.#common(i, epsilon) - (thresholds[feature] as number)) / (own[feature] as number));
  }

  /** f_i·ε. */
  #common(i: number, epsilon: Float64Array): number {
    const { factors } = this.#model;
    let sum = 0;
    let at = (this.#first + i) * this.#rank;
    for (let k = 0; k < this.#rank; k++) sum += (factors[at++] as number) * (epsilon[k] as number);
    return sum;
  }
}
