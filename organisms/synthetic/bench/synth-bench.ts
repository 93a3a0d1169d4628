// The rows of a SynthSAEBench generator, drawn block by block.
//
//   try      z_i > t_i for roots, features alone, and children of active features (the others cannot be active)
//   value    a_i = relu(μ_i + σ_i N(0, 1)); a feature with a_i = 0 is not active
//   exclude  of the active children of a parent one stays, each with equal chance
//   scale    a child's value is multiplied by a_parent / μ_parent, its parent's having been scaled before
//   row      x = Eᵀ a + b
//
// Source: SAELens 6.54.12, sae_lens/synthetic/{activation_generator,hierarchy/modifier}.py. Departures: children of silent parents
// are not tried (they would be silenced); features alone as loners.ts has it; random numbers are keyed by (seed, stream, block of
// 64 rows), so that any range of rows can be drawn by itself. Test: tests/golden/synthetic/synth-bench.test.ts.
import { KeyedRandom } from '../../../core/tensor/random.js';
import { FiringList, type Stream, type SyntheticRows, type SyntheticSource } from '../source.js';
import { Decoder } from '../decoder.js';
import { Loners } from './loners.js';
import type { SynthBenchModel } from './model.js';

/** Rows that share one source of random numbers. */
export const BLOCK_ROWS = 64;
/** Firings per row that are expected: for first allocations alone. */
const EXPECTED = 40;

export class SynthBench implements SyntheticSource {
  readonly #model: SynthBenchModel;
  readonly #loners: Loners;
  readonly #decoder: Decoder;
  readonly #epsilon: Float64Array;
  /** Value of each feature of the row in hand; only what was tried has a meaning. */
  readonly #value: Float64Array;

  constructor(model: SynthBenchModel) {
    this.#model = model;
    this.#loners = new Loners(model);
    this.#decoder = new Decoder(model.directions, model.bias);
    this.#epsilon = new Float64Array(model.settings.correlation.rank);
    this.#value = new Float64Array(model.settings.features);
  }

  get directions(): SynthBenchModel['directions'] {
    return this.#model.directions;
  }

  get bias(): Float32Array {
    return this.#model.bias;
  }

  draw(stream: Stream, from: number, count: number): SyntheticRows {
    const list = new FiringList(count, EXPECTED);
    for (let block = Math.floor(from / BLOCK_ROWS); block * BLOCK_ROWS < from + count; block++) {
      const random = new KeyedRandom('synth-bench', this.#model.settings.seed, stream, block);
      for (let row = block * BLOCK_ROWS; row < Math.min((block + 1) * BLOCK_ROWS, from + count); row++) {
        const wanted = row >= from;
        this.#drawRow(random, (feature, value) => {
          if (wanted) list.add(feature, value);
        });
        if (wanted) list.endRow();
      }
    }
    const firings = list.finish();
    return { rows: this.#decoder.decode(firings), firings };
  }

  #drawRow(random: KeyedRandom, add: (feature: number, value: number) => void): void {
    const { forest } = this.#model;
    for (let k = 0; k < this.#epsilon.length; k++) this.#epsilon[k] = random.nextNormal();
    for (let root = 0; root < forest.roots; root++) {
      if (this.#tried(root, random) && this.#drawValue(root, random) > 0) this.#settle(root, random, add);
    }
    this.#loners.draw(this.#epsilon, random, (feature) => {
      const value = this.#drawValue(feature, random);
      if (value > 0) add(feature, value);
    });
  }

  /** A feature that is active, with its final value: adds it and goes to its children. */
  #settle(feature: number, random: KeyedRandom, add: (feature: number, value: number) => void): void {
    const { forest, means } = this.#model;
    const value = this.#value[feature] as number;
    add(feature, value);
    const winner = this.#winner(feature, random);
    if (winner < 0) return;
    this.#value[winner] = ((this.#value[winner] as number) * value) / (means[feature] as number);
    if ((forest.children[winner] as number) > 0) this.#settle(winner, random, add);
    else add(winner, this.#value[winner] as number);
  }

  /** Tries the children of an active feature; returns the one that stays, −1 for none. */
  #winner(parent: number, random: KeyedRandom): number {
    const { firstChild, children } = this.#model.forest;
    const first = firstChild[parent] as number;
    let [winner, active] = [-1, 0];
    for (let child = first; child < first + (children[parent] as number); child++) {
      if (!this.#tried(child, random) || this.#drawValue(child, random) === 0) continue;
      active++;
      // The m-th active one takes the place with chance 1/m: each stays with equal chance.
      if (active === 1 || random.nextInt(active) === 0) winner = child;
    }
    return winner;
  }

  #tried(feature: number, random: KeyedRandom): boolean {
    const { factors, own, thresholds } = this.#model;
    const rank = this.#epsilon.length;
    let z = (own[feature] as number) * random.nextNormal();
    for (let k = 0, at = feature * rank; k < rank; k++) z += (factors[at++] as number) * (this.#epsilon[k] as number);
    return z > (thresholds[feature] as number);
  }

  #drawValue(feature: number, random: KeyedRandom): number {
    const { means, spreads } = this.#model;
    const value = Math.max(0, (means[feature] as number) + (spreads[feature] as number) * random.nextNormal());
    this.#value[feature] = value;
    return value;
  }
}
