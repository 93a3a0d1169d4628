// The candidates of a slice: scores block by block, and what of them may fire. Exact: no feature that fires is left out, whatever
// the order or number of slices, because each slice proposes as many as the whole dictionary may choose.
import type { Kernels } from '../../runtime/kernels/kernels.js';
import type { Products } from '../products.js';
import {
  type SliceArrays,
  blockFeatures,
  candidateCapacity,
  denseDead,
  keyCapacity,
  pairCapacity,
  rowCapacity,
} from './arrays.js';
import { copyKeys, type Exchange } from './exchange.js';
import type { FastRule } from '../../core/dictionaries/fast/rule.js';
import type { SliceSettings } from './settings.js';
import type { Proposals } from './proposals.js';
import { settleBatch, settleRows } from './settle.js';
import { below, largestValue, type LargestScores } from './largest.js';
import { DataError } from '../../schemas/errors.js';

interface Around {
  readonly kernels: Kernels;
  readonly exchange: Exchange;
  readonly products: Products;
  /** By which candidates may be found instead. */
  readonly proposals: Proposals | null;
}

export class Candidates {
  readonly auxCapacity: number;
  readonly #settings: SliceSettings;
  readonly #arrays: SliceArrays;
  readonly #around: Around;
  readonly #capacity: number;
  /** Candidates with a value above their limit. */
  #count = 0;
  #rule: FastRule;
  /** Whether z of dead features is kept, and of how many it is. */
  #keepsDead = false;
  #kept = 0;
  /** Limit of a choice over the batch. */
  #limit = 0;
  /** Whether more lies above the limits than there is room for. */
  #crowded = false;

  constructor(settings: SliceSettings, arrays: SliceArrays, around: Around) {
    this.#settings = settings;
    this.#rule = settings.rule;
    this.#arrays = arrays;
    this.#around = around;
    this.#capacity = rowCapacity(settings);
    this.auxCapacity = keyCapacity(settings.kAux);
  }

  get count(): number {
    return this.#count;
  }

  /** Of a kind with limits: more lies above them than there is room for, and no candidate was kept (crowd.ts). */
  get crowded(): boolean {
    return this.#crowded;
  }

  /** Scores some features alone, of which all have room: those above the limits that `find` took. */
  async findAbove({ first, count }: { readonly first: number; readonly count: number }): Promise<void> {
    this.#count = 0;
    await this.#score(first, count);
    this.#count = this.#scan({ from: first, count }, pairCapacity(this.#settings));
  }

  /**
   * Scores all features; candidates go into the exchange.
   * @param dead marked features, which are proposed for AuxK
   * @param quantised whether candidates are proposed in 8 bits
   */
  async find(rule: FastRule, dead: number, quantised = false): Promise<void> {
    const revive = dead > 0;
    this.#rule = rule;
    this.#keepsDead = revive && dead <= denseDead(this.#settings);
    this.#begin();
    if (quantised) await this.#around.proposals?.find({ dead, keeps: this.#keepsDead });
    else await this.#findExactly(revive);
    this.#propose(revive);
  }

  async #findExactly(revive: boolean): Promise<void> {
    const rule = this.#rule;
    await this.#eachBlock((first, count) => {
      if (revive) this.#reviveBlock(first, count);
      if (rule.choice === 'rows') this.#topBlock(first, count);
      else if (rule.choice === 'batch') this.#batchBlock(first, count);
      else this.#aboveBlock(first, count);
    });
  }

  #begin(): void {
    const { settings, slice } = this.#settings;
    const rule = this.#rule;
    const a = this.#arrays;
    a.floor.data.fill(0);
    a.filled.data.fill(0);
    a.auxFloor.data.fill(0);
    a.auxFilled.data.fill(0);
    this.#count = 0;
    this.#kept = 0;
    this.#crowded = false;
    if (rule.choice === 'batch') this.#limit = 0;
    if (rule.choice !== 'above') return;
    const vectors = new Map([...a.vectors].map(([name, { value }]) => [name, value.data.subarray(0, slice.features)]));
    if (!vectors.has('threshold')) vectors.set('threshold', this.#around.exchange.floor);
    rule.limits(vectors, settings, a.limits.data.subarray(0, slice.features));
  }

  async #eachBlock(use: (first: number, count: number) => void): Promise<void> {
    const { slice, batchRows } = this.#settings;
    const block = blockFeatures(batchRows, slice.features);
    for (let first = 0; first < slice.features && !this.#crowded; first += block) {
      const count = Math.min(block, slice.features - first);
      await this.#score(first, count);
      use(first, count);
    }
  }

  async #score(first: number, count: number): Promise<void> {
    const { slice, batchRows } = this.#settings;
    const a = this.#arrays;
    await this.#around.products.score({
      weights: a.encoder.data.subarray(first * slice.readStride, (first + count) * slice.readStride),
      inputs: a.inputs.data,
      scores: a.scores.data.subarray(0, count * batchRows),
      ...{ features: count, rows: batchRows, width: slice.readStride },
    });
  }

  #bias(first: number): number {
    const rule = this.#rule;
    const name = rule.choice === 'above' ? rule.bias : 'b_enc';
    return (this.#arrays.vectors.get(name)?.value.address ?? 0) + 4 * first;
  }

  #topBlock(first: number, count: number): void {
    const { batchRows, slice, k } = this.#settings;
    const a = this.#arrays;
    this.#around.kernels.run.scanTop(
      ...[a.scores.address, count, batchRows, this.#bias(first), slice.first + first],
      ...[a.floor.address, a.filled.address, a.keys.address, this.#capacity, k],
    );
  }

  #reviveBlock(first: number, count: number): void {
    const { batchRows, slice, kAux } = this.#settings;
    const a = this.#arrays;
    this.#around.kernels.run.scanTopMarked(
      ...[a.scores.address, count, batchRows, this.#bias(first), slice.first + first, a.dead.address + first],
      ...[a.auxFloor.address, a.auxFilled.address, a.auxKeys.address, this.auxCapacity, kAux],
    );
    if (!this.#keepsDead) return;
    this.#kept = this.#around.kernels.run.copyMarked(
      ...[a.scores.address, count, batchRows, this.#bias(first), a.dead.address + first],
      ...[a.deadValues.address, this.#kept],
    );
  }

  /** Scores above their limits. @param at the first of these features among those of the block */
  #scan({ from: first, count }: { readonly from: number; readonly count: number }, capacity: number, at = 0): number {
    const { batchRows, slice } = this.#settings;
    const a = this.#arrays;
    const scores = a.scores.address + 4 * at * batchRows;
    return this.#around.kernels.run.scanAbove(
      ...[scores, count, batchRows, this.#bias(first), a.limits.address + 4 * first, slice.first + first],
      ...[a.candidateFeature.address, a.candidateRow.address, a.candidateScore.address, this.#count, capacity],
    );
  }

  #aboveBlock(first: number, count: number): void {
    const capacity = pairCapacity(this.#settings);
    const found = this.#scan({ from: first, count }, capacity);
    this.#crowded = found > capacity;
    this.#count = this.#crowded ? 0 : found;
  }

  /** The 2 B k largest so far at least (a threshold for all batches may lie below the B k-th of one); where room ends, the limit rises to the least of them and the block is looked at again. */
  #batchBlock(first: number, count: number): void {
    const { batchRows, k, slice } = this.#settings;
    const a = this.#arrays;
    const capacity = candidateCapacity(this.#settings);
    for (;;) {
      a.limits.data.fill(this.#limit);
      const found = this.#scan({ from: first, count }, capacity);
      if (found <= capacity) {
        this.#count = found;
        return;
      }
      const limit = below(largestValue(this.#values(capacity), 2 * batchRows * k));
      if (limit <= this.#limit)
        throw new DataError(
          `Expected features with scores that differ, found more than ${2 * batchRows * k} that are equal (${limit}) in features ${slice.first} … ${slice.first + slice.features - 1}. Give the dictionary another seed.`,
          { equal: limit },
        );
      this.#limit = limit;
      this.#drop();
    }
  }

  /** z of candidates, with b_enc. */
  #values(count: number): Float32Array {
    const a = this.#arrays;
    const { first } = this.#settings.slice;
    const bias = a.vectors.get('b_enc')?.value.data as Float32Array;
    const values = new Float32Array(count);
    for (let p = 0; p < count; p++)
      values[p] =
        (a.candidateScore.data[p] as number) + (bias[(a.candidateFeature.data[p] as number) - first] as number);
    return values;
  }

  /** Values of candidates of the first `count` rows, and the value up to which scores were left out; 0: none was. */
  scoresOfRows(count: number): LargestScores {
    return { values: this.#valuesOfRows(count), limit: this.#limit };
  }

  #valuesOfRows(count: number): Float32Array {
    const rows = this.#arrays.candidateRow.data;
    return this.#values(this.#count).filter((_, p) => (rows[p] as number) < count);
  }

  /** All scores above `from` of the first `count` rows, however many there are. */
  async scoresAbove(from: number, count: number): Promise<Float32Array[]> {
    const { batchRows } = this.#settings;
    const capacity = candidateCapacity(this.#settings);
    // Of so many features every score has room.
    const most = Math.max(1, Math.floor(capacity / batchRows));
    const found: Float32Array[] = [];
    this.#arrays.limits.data.fill(from);
    await this.#eachBlock((first, features) => {
      for (let at = 0; at < features; at += most) {
        this.#count = 0;
        const some = { from: first + at, count: Math.min(most, features - at) };
        this.#count = this.#scan(some, capacity, at);
        found.push(this.#valuesOfRows(count));
      }
    });
    this.#count = 0;
    return found;
  }

  /** Leaves out candidates that are not above the limit. */
  #drop(): void {
    const a = this.#arrays;
    const values = this.#values(this.#count);
    let kept = 0;
    for (let p = 0; p < this.#count; p++) {
      if (!((values[p] as number) > this.#limit)) continue;
      a.candidateFeature.data[kept] = a.candidateFeature.data[p] as number;
      a.candidateRow.data[kept] = a.candidateRow.data[p] as number;
      a.candidateScore.data[kept] = a.candidateScore.data[p] as number;
      kept++;
    }
    this.#count = kept;
  }

  #propose(revive: boolean): void {
    const { exchange, kernels } = this.#around;
    const { batchRows, k, kAux } = this.#settings;
    const rule = this.#rule;
    const a = this.#arrays;
    if (rule.choice === 'rows') {
      kernels.run.finishTop(batchRows, a.filled.address, a.keys.address, this.#capacity, k);
      copyKeys(a.keys.data, exchange.keys, { rows: batchRows, from: this.#capacity, to: k });
      exchange.filled.set(a.filled.data);
    } else if (rule.choice === 'batch') {
      exchange.counts[0] = this.#count;
      exchange.values.set(this.#values(this.#count));
    }
    if (kAux === 0) return;
    if (revive) {
      kernels.run.finishTop(batchRows, a.auxFilled.address, a.auxKeys.address, this.auxCapacity, kAux);
      copyKeys(a.auxKeys.data, exchange.auxKeys, { rows: batchRows, from: this.auxCapacity, to: kAux });
    }
    exchange.auxFilled.set(a.auxFilled.data);
  }

  /** Pairs of the chosen, by line (reconstruction, row). @returns their number */
  settleChosen(): number {
    const of = { settings: this.#settings, arrays: this.#arrays, ...this.#around };
    if (this.#rule.choice === 'rows') return settleRows(of, this.#capacity);
    return settleBatch(of, this.#values(this.#count));
  }
}
