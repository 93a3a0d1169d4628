// One slice of a dictionary in training or in use: its rows of every tensor, and its share of a step. What crosses between slices
// is what the methods take and give, in exchange arrays (exchange.ts); nothing else does.
//
//   choose       scores W x' of all features, block after block, and from them the candidates
//   reconstruct  the candidates that fire, and W_decᵀ f of this slice
//   move         from the gradients by the reconstructions: those of the slice's tensors, and Adam's step
import type { Pairs, ThresholdRule } from '../../core/dictionaries/fast/rule.js';
import { Kernels } from '../../runtime/kernels/kernels.js';
import type { Products } from '../products.js';
import { bytesOfSlice, denseDead, layOut, type SliceArrays } from './arrays.js';
import { Candidates, type LargestScores } from './candidates.js';
import type { Exchange } from './exchange.js';
import { SliceMoves, type AdamNumbers } from './moves.js';
import { Revival } from './revival.js';
import type { SliceSettings } from './settings.js';

/** What a reconstruction tells: pairs that fired, and the measure of the sparsity term. */
export interface Reconstructed {
  readonly firings: number;
  readonly measure: number;
}

/** Pairs that fire, by row: features of the whole dictionary, ascending; a value of 0 does not count. */
export interface Firing {
  /** [B + 1] */
  readonly offsets: Uint32Array;
  readonly feature: Uint32Array;
  readonly value: Float32Array;
}

export class Slice {
  readonly settings: SliceSettings;
  readonly arrays: SliceArrays;
  /** The step in which each feature fired last; −1: before the first. */
  readonly fired: Int32Array;
  /** In how many steps each fired. */
  readonly firedSteps: Int32Array;
  readonly #kernels: Kernels;
  readonly #exchange: Exchange;
  readonly #candidates: Candidates;
  readonly #moves: SliceMoves | null;
  #pairs = 0;
  #touched = 0;
  #dead = 0;
  readonly #revival: Revival | null;

  constructor(settings: SliceSettings, exchange: Exchange, products: Products) {
    this.settings = settings;
    this.#kernels = new Kernels(bytesOfSlice(settings));
    this.arrays = layOut(this.#kernels, settings);
    this.fired = new Int32Array(settings.slice.features).fill(-1);
    this.firedSteps = new Int32Array(settings.slice.features);
    this.#exchange = exchange;
    this.#candidates = new Candidates(settings, this.arrays, { kernels: this.#kernels, exchange, products });
    this.#revival = settings.kAux > 0 ? new Revival(settings, this.arrays, { kernels: this.#kernels, products }) : null;
    this.#moves = settings.training ? new SliceMoves(settings, this.arrays, this.#kernels) : null;
    let end = 0;
    settings.slice.decoder.forEach(({ column, width }, site) => {
      end = column + Math.ceil(width / 4) * 4;
      this.arrays.bounds.data[site] = end;
    });
  }

  /** The step in which each row was moved last; empty where all rows move in every step. */
  get moved(): Int32Array {
    return this.#moves?.moved ?? new Int32Array(0);
  }

  /** Features dead before this step. */
  get dead(): number {
    return this.#dead;
  }

  /** Candidates of this batch go into the exchange. @param deadBefore features that fired last before this step are dead; null without AuxK */
  async choose(deadBefore: number | null): Promise<void> {
    this.#takeInputs();
    this.#dead = deadBefore === null ? 0 : this.#markDead(deadBefore);
    await this.#candidates.find(this.settings.rule, this.#dead);
  }

  #takeInputs(): void {
    const { slice, batchRows } = this.settings;
    const { readColumn, readStride } = slice;
    const { inputs, readWidth } = this.#exchange;
    const target = this.arrays.inputs.data;
    if (readStride === readWidth) {
      target.set(inputs);
      return;
    }
    for (let b = 0; b < batchRows; b++) {
      const at = b * readWidth + readColumn;
      target.set(inputs.subarray(at, at + readStride), b * readStride);
    }
  }

  #markDead(before: number): number {
    const { dead: marks, deadIds } = this.arrays;
    const { first } = this.settings.slice;
    let dead = 0;
    for (let i = 0; i < this.fired.length; i++) {
      const is = (this.fired[i] as number) < before;
      marks.data[i] = is ? 1 : 0;
      if (is) deadIds.data[dead++] = first + i;
    }
    return dead;
  }

  /** What fires of the candidates, and its reconstructions, which go into the exchange. */
  async reconstruct(): Promise<Reconstructed> {
    const { rule } = this.settings;
    const told = rule.choice === 'above' ? this.#reconstructAbove() : this.#reconstructChosen();
    if (this.#dense) await this.#revival?.reconstruct(this.#dead);
    const { spread } = this.arrays;
    this.#exchange.partial.set(spread.data.subarray(0, this.#exchange.partial.length));
    return told;
  }

  /** Whether AuxK multiplies the whole rows of dead features. */
  get #dense(): boolean {
    return this.#dead > 0 && this.#dead <= denseDead(this.settings);
  }

  #reconstructChosen(): Reconstructed {
    const { settings, arrays: a } = this;
    const { run } = this.#kernels;
    const { batchRows, parts, slice, kAux } = settings;
    const main = this.#candidates.settleChosen();
    let lines = parts.lines;
    let pairs = main;
    if (kAux > 0) {
      a.auxLeast.data.set(this.#exchange.auxLeast);
      const from = 4 * main;
      const at = a.offsets.address + 4 * lines;
      if (this.#dead > 0 && !this.#dense) {
        const more = run.keepRows(
          ...[batchRows, a.auxFilled.address, a.auxKeys.address, this.#candidates.auxCapacity],
          ...[a.auxLeast.address, at, a.rowFeature.address + from, a.rowValue.address + from],
        );
        for (let b = 0; b <= batchRows; b++) a.offsets.data[lines + b] = (a.offsets.data[lines + b] as number) + main;
        pairs += more;
      } else a.offsets.data.fill(main, lines, lines + batchRows + 1);
      lines += batchRows;
    }
    run.decode(
      ...[lines, a.offsets.address, a.rowFeature.address, a.rowValue.address, slice.first],
      ...[a.decoder.address, slice.writeStride, a.spread.address],
    );
    this.#pairs = pairs;
    return { firings: main, measure: 0 };
  }

  #reconstructAbove(): Reconstructed {
    const { settings, arrays: a } = this;
    const { run } = this.#kernels;
    const { rule, batchRows, slice, parts } = settings;
    if (rule.choice !== 'above') return { firings: 0, measure: 0 };
    const pairs = this.#candidates.count;
    this.#pairs = pairs;
    this.#countFeatures(pairs);
    this.#touched = run.startsOf(slice.features, 0, a.counts.address, a.touched.address, a.starts.address);
    const weighs = rule.weighs === 'always' || (rule.weighs === 'several' && slice.decoder.length > 1);
    const norms = weighs ? this.#norms() : a.sums.data.subarray(0, this.#touched).fill(1);
    const told = rule.fired({ pairs: this.#view(), vectors: this.#vectors(), norms }, [
      a.value.data.subarray(0, pairs),
      a.second.data.subarray(0, rule.frozen ? pairs : 0),
    ]);
    run.byRow(pairs, batchRows, a.candidateRow.address, a.cursor.address, a.offsets.address, a.source.address);
    run.pick(a.candidateFeature.address, a.source.address, pairs, a.rowFeature.address);
    const half = batchRows * slice.writeStride * 4;
    const decode = (value: number, out: number): void => {
      run.pick(value, a.source.address, pairs, a.rowValue.address);
      run.decode(
        ...[batchRows, a.offsets.address, a.rowFeature.address, a.rowValue.address, slice.first],
        ...[a.decoder.address, slice.writeStride, out],
      );
    };
    decode(a.value.address, a.spread.address);
    if (parts.lines > batchRows) decode(a.second.address, a.spread.address + half);
    return told;
  }

  /** Σ_w ‖W_dec.w_i‖ of touched features. */
  #norms(): Float32Array {
    const { arrays: a } = this;
    const { slice } = this.settings;
    const sites = slice.decoder.length;
    this.#kernels.run.rowNorms(
      ...[this.#touched, a.touched.address, a.decoder.address, slice.writeStride],
      ...[a.bounds.address, sites, a.norms.address],
    );
    const norms = a.sums.data.subarray(0, this.#touched).fill(0);
    for (let t = 0; t < this.#touched; t++)
      for (let s = 0; s < sites; s++) norms[t] = (norms[t] as number) + (a.norms.data[t * sites + s] as number);
    return norms;
  }

  #countFeatures(pairs: number): void {
    const { arrays: a } = this;
    const { first } = this.settings.slice;
    a.counts.data.fill(0);
    for (let p = 0; p < pairs; p++) {
      const at = (a.candidateFeature.data[p] as number) - first;
      a.counts.data[at] = (a.counts.data[at] as number) + 1;
    }
  }

  #view(): Pairs {
    const { arrays: a } = this;
    return {
      count: this.#pairs,
      features: this.#touched,
      touched: a.touched.data,
      starts: a.starts.data,
      row: a.candidateRow.data,
      score: a.candidateScore.data,
    };
  }

  #vectors(): ReadonlyMap<string, Float32Array> {
    const { features } = this.settings.slice;
    return new Map([...this.arrays.vectors].map(([name, { value }]) => [name, value.data.subarray(0, features)]));
  }

  scoresOfRows(count: number): LargestScores {
    return this.#candidates.scoresOfRows(count);
  }

  /** All scores of the inputs that `choose` took, above `from`. */
  scoresAbove(from: number, count: number): Promise<Float32Array[]> {
    return this.#candidates.scoresAbove(from, count);
  }

  /** Candidates as in inference; of a kind that chooses over the batch: what lies above the exchange's `floor`. */
  async propose(): Promise<void> {
    this.#takeInputs();
    await this.#candidates.find(this.settings.infers, 0);
  }

  /** What fires in inference, by row; its reconstruction goes into the exchange. */
  infer(): Firing {
    const { settings, arrays: a } = this;
    const { batchRows, slice, infers } = settings;
    const { run } = this.#kernels;
    const pairs = infers.choice === 'above' ? this.#pairsAbove(infers) : this.#candidates.settleChosen();
    run.decode(
      ...[batchRows, a.offsets.address, a.rowFeature.address, a.rowValue.address, slice.first],
      ...[a.decoder.address, slice.writeStride, a.spread.address],
    );
    this.#exchange.partial.set(a.spread.data.subarray(0, batchRows * slice.writeStride));
    return {
      offsets: a.offsets.data.slice(0, batchRows + 1),
      feature: a.rowFeature.data.slice(0, pairs),
      value: a.rowValue.data.slice(0, pairs),
    };
  }

  /** Candidates above their limits as pairs by row. @returns their number */
  #pairsAbove(rule: ThresholdRule): number {
    const { arrays: a } = this;
    const { batchRows, slice } = this.settings;
    const { run } = this.#kernels;
    const pairs = this.#candidates.count;
    this.#pairs = pairs;
    this.#countFeatures(pairs);
    this.#touched = run.startsOf(slice.features, 0, a.counts.address, a.touched.address, a.starts.address);
    const norms = a.sums.data.subarray(0, this.#touched).fill(1);
    rule.fired({ pairs: this.#view(), vectors: this.#vectors(), norms }, [a.value.data.subarray(0, pairs)]);
    run.byRow(pairs, batchRows, a.candidateRow.address, a.cursor.address, a.offsets.address, a.source.address);
    run.pick(a.candidateFeature.address, a.source.address, pairs, a.rowFeature.address);
    run.pick(a.value.address, a.source.address, pairs, a.rowValue.address);
    return pairs;
  }

  /**
   * Gradients of the slice's tensors from those by its reconstructions, which the exchange holds.
   * @returns Σ of squared gradients after projection, of what the slice owns
   */
  async derive(step: number, slope: number): Promise<number> {
    const moves = this.#moves as SliceMoves;
    const { arrays: a, settings } = this;
    a.gradients.data.set(this.#exchange.gradients);
    if (settings.rule.choice === 'above')
      moves.slopesAbove({ pairs: this.#view(), vectors: this.#vectors(), slope, rule: settings.rule });
    else {
      const revived = this.#dense ? this.#dead : 0;
      if (revived > 0) await this.#revival?.derive(revived);
      this.#touched = moves.slopesChosen(this.#pairs, revived);
    }
    moves.noteFired(this, { step, touched: this.#touched });
    moves.throughEncoder(this.#touched);
    this.#exchange.through.set(a.through.data.subarray(0, this.#exchange.through.length));
    return settings.training?.clips ? moves.squares(this.#touched) : 0;
  }

  /** Adam's step. @returns Σ of squared gradients after projection, before clipping */
  update(numbers: AdamNumbers): number {
    return (this.#moves as SliceMoves).update(this.#touched, numbers);
  }
}
