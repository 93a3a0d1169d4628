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
import type { Matrix, Multiply } from '../../../core/tensor/matrix.js';
import { KeyedRandom } from '../../../core/tensor/random.js';
import { FiringList, type Stream, type SyntheticRows, type SyntheticSource } from '../source.js';
import { Decoder } from '../decoder.js';
import { type Lifted, Loners } from './loners.js';
import type { SynthBenchModel } from './model.js';

/** Rows that share one source of random numbers. */
export const BLOCK_ROWS = 64;
/** Blocks whose common factors are multiplied at once. Changes memory, no number. */
const BLOCKS_AT_ONCE = 16;
/** Firings per row that are expected: for first allocations alone. */
const EXPECTED = 40;

/** A block of rows, its common factors drawn. */
interface Block {
  readonly random: KeyedRandom;
  /** ε [BLOCK_ROWS, r]. */
  readonly epsilon: Float64Array;
  /** Its first row. */
  readonly start: number;
}

export class SynthBench implements SyntheticSource {
  readonly #model: SynthBenchModel;
  readonly #multiply: Multiply;
  readonly #loners: Loners;
  readonly #decoder: Decoder;
  readonly #rank: number;
  /** ε of the row in hand. */
  #epsilon: Float64Array;
  /** Value of each feature of the row in hand; only what was tried has a meaning. */
  readonly #value: Float64Array;

  constructor(model: SynthBenchModel, multiply: Multiply) {
    this.#model = model;
    this.#multiply = multiply;
    this.#loners = new Loners(model);
    this.#decoder = new Decoder(model.directions, model.bias);
    this.#rank = model.settings.correlation.rank;
    this.#epsilon = new Float64Array(this.#rank);
    this.#value = new Float64Array(model.settings.features);
  }

  get directions(): SynthBenchModel['directions'] {
    return this.#model.directions;
  }

  get bias(): Float32Array {
    return this.#model.bias;
  }

  async draw(stream: Stream, from: number, count: number): Promise<SyntheticRows> {
    const list = new FiringList(count, EXPECTED);
    const [first, end] = [Math.floor(from / BLOCK_ROWS), Math.ceil((from + count) / BLOCK_ROWS)];
    for (let block = first; block < end; block += BLOCKS_AT_ONCE) {
      const numbers = Array.from({ length: Math.min(BLOCKS_AT_ONCE, end - block) }, (_, i) => block + i);
      const blocks = numbers.map((number) => this.#begin(stream, number));
      const lifted = await this.#loners.findLifted(this.#epsilons(blocks), this.#multiply);
      blocks.forEach((one, i) => {
        this.#drawBlock(one, { lifted, place: i * BLOCK_ROWS }, { list, from, to: from + count });
      });
    }
    const firings = list.finish();
    return { rows: this.#decoder.decode(firings), firings };
  }

  #begin(stream: Stream, block: number): Block {
    const random = new KeyedRandom('synth-bench', this.#model.settings.seed, stream, block);
    const epsilon = Float64Array.from({ length: BLOCK_ROWS * this.#rank }, () => random.nextNormal());
    return { random, epsilon, start: block * BLOCK_ROWS };
  }

  #epsilons(blocks: readonly Block[]): Matrix {
    const data = new Float32Array(blocks.length * BLOCK_ROWS * this.#rank);
    blocks.forEach(({ epsilon }, i) => data.set(epsilon, i * epsilon.length));
    return { data, rows: blocks.length * BLOCK_ROWS, columns: this.#rank };
  }

  /** Adds the rows of a block that are wanted; those before them are drawn too, for their random numbers. */
  #drawBlock(
    { random, epsilon, start }: Block,
    { lifted, place }: { readonly lifted: Lifted; readonly place: number },
    { list, from, to }: { readonly list: FiringList; readonly from: number; readonly to: number },
  ): void {
    for (let i = 0; i < BLOCK_ROWS && start + i < to; i++) {
      const wanted = start + i >= from;
      this.#epsilon = epsilon.subarray(i * this.#rank, (i + 1) * this.#rank);
      const [first, end] = [lifted.offsets[place + i], lifted.offsets[place + i + 1]];
      this.#drawRow(random, lifted.feature.subarray(first, end), (feature, value) => {
        if (wanted) list.add(feature, value);
      });
      if (wanted) list.endRow();
    }
  }

  #drawRow(random: KeyedRandom, lifted: Int32Array, add: (feature: number, value: number) => void): void {
    const { forest } = this.#model;
    for (let root = 0; root < forest.roots; root++) {
      if (this.#tried(root, random) && this.#drawValue(root, random) > 0) this.#settle(root, random, add);
    }
    const fire = (feature: number): void => {
      const value = this.#drawValue(feature, random);
      if (value > 0) add(feature, value);
    };
    this.#loners.draw(this.#epsilon, lifted, { random, fire });
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
    else add(winner, this.#value[winner]);
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
    const rank = this.#rank;
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
