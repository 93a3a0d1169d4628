// Which of the features that stand alone are active on a row, without trying each: there are thousands, a few fire.
//
// Given the row's common factors ε, feature i fires with probability π_i = Φ(w_i), w_i = (f_i·ε − t_i) / s_i, independently. With a
// uniform number U_i it fires when U_i < π_i. For a level β = Φ(ω):
//   U_i < β        has the same chance for every feature: those features are found by jumps of geometric length, and U_i is then
//                  uniform below β
//   U_i ≥ β        can fire only where π_i > β, that is w_i > ω: the few *lifted* features f_i·ε > t_i + s_i ω, and then with
//                  chance (π_i − β) / (1 − β)
// Every feature fires with exactly π_i, at a few per cent of the random numbers; what is left is the product f_i·ε.
// Test: tests/unit/organisms/loners.test.ts (against trying each).
import { normalCdf, normalQuantile } from '../../../core/statistics/normal.js';
import type { KeyedRandom } from '../../../core/tensor/random.js';
import type { SynthBenchModel } from './model.js';

/** β. Changes which numbers are drawn, not their law. */
const LEVEL = 0.015;

export class Loners {
  readonly #model: Pick<SynthBenchModel, 'factors' | 'own' | 'thresholds'>;
  readonly #first: number;
  readonly #count: number;
  readonly #rank: number;
  /** t_i + s_i ω. */
  readonly #lift: Float64Array;
  readonly #jump = 1 / Math.log1p(-LEVEL);
  readonly #jumped: Int32Array;

  constructor(model: Pick<SynthBenchModel, 'forest' | 'factors' | 'own' | 'thresholds' | 'settings'>) {
    this.#model = model;
    this.#first = model.forest.treed;
    this.#count = model.settings.features - model.forest.treed;
    this.#rank = model.settings.correlation.rank;
    const omega = normalQuantile(LEVEL);
    this.#lift = Float64Array.from(
      { length: this.#count },
      (_, i) => at(model.thresholds, this.#first + i) + at(model.own, this.#first + i) * omega,
    );
    this.#jumped = new Int32Array(this.#count);
  }

  /** Calls `fire` for each that is active, in two sweeps over features. @param epsilon common factors [r] */
  draw(epsilon: Float64Array, random: KeyedRandom, fire: (feature: number) => void): void {
    let jumps = 0;
    for (let i = this.#next(-1, random); i < this.#count; i = this.#next(i, random)) {
      this.#jumped[jumps++] = i;
      if (random.nextFloat() * LEVEL < this.#chance(i, epsilon)) fire(this.#first + i);
    }
    this.#drawLifted(epsilon, { random, jumps, fire });
  }

  #next(i: number, random: KeyedRandom): number {
    return i + 1 + Math.floor(Math.log(1 - random.nextFloat()) * this.#jump);
  }

  #drawLifted(
    epsilon: Float64Array,
    { random, jumps, fire }: { random: KeyedRandom; jumps: number; fire: (feature: number) => void },
  ): void {
    const { factors } = this.#model;
    const rank = this.#rank;
    let jump = 0;
    let place = this.#first * rank;
    for (let i = 0; i < this.#count; i++) {
      let sum = 0;
      for (let k = 0; k < rank; k++) sum += (factors[place++] as number) * (epsilon[k] as number);
      if (sum <= (this.#lift[i] as number)) continue;
      while (jump < jumps && (this.#jumped[jump] as number) < i) jump++;
      // Below β it was decided already.
      if (jump < jumps && this.#jumped[jump] === i) continue;
      const chance = this.#chance(i, epsilon);
      if (random.nextFloat() * (1 - LEVEL) < chance - LEVEL) fire(this.#first + i);
    }
  }

  /** π_i. */
  #chance(i: number, epsilon: Float64Array): number {
    const feature = this.#first + i;
    const { thresholds, own } = this.#model;
    return normalCdf((this.#common(feature, epsilon) - at(thresholds, feature)) / at(own, feature));
  }

  #common(feature: number, epsilon: Float64Array): number {
    const { factors } = this.#model;
    let sum = 0;
    let place = feature * this.#rank;
    for (let k = 0; k < this.#rank; k++) sum += (factors[place++] as number) * (epsilon[k] as number);
    return sum;
  }
}

function at(values: Float64Array, i: number): number {
  return values[i] as number;
}
