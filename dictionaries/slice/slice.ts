// One slice of a dictionary in training or in use: its rows of every tensor, and its share of a step. What crosses between slices
// is what the methods take and give, in exchange arrays (exchange.ts); nothing else does.
//
//   choose       scores W x' of all features, block after block, and from them the candidates
//   reconstruct  the candidates that fire, and W_decᵀ f of this slice
//   move         from the gradients by the reconstructions: those of the slice's tensors, and Adam's step
import type { ThresholdRule } from '../../core/dictionaries/fast/rule.js';
import { Kernels } from '../../runtime/kernels/kernels.js';
import type { Products } from '../products.js';
import { bytesOfSlice, denseDead, layOut, type SliceArrays } from './arrays.js';
import { Candidates } from './candidates.js';
import type { LargestScores } from './largest.js';
import { Crowd } from './crowd.js';
import type { Exchange } from './exchange.js';
import { SliceMoves, type AdamNumbers } from './moves.js';
import { PairsAbove } from './pairs-above.js';
import { Proposals } from './proposals.js';
import type { Firing, FiringSteps, Reconstructed } from './firing.js';
import { Revival } from './revival.js';
import type { SliceSettings } from './settings.js';
import { SliceSlopes } from './slopes.js';

export class Slice implements FiringSteps {
  readonly settings: SliceSettings;
  readonly arrays: SliceArrays;
  /** The step in which each feature fired last; −1: before the first. */
  readonly fired: Int32Array;
  /** In how many steps each fired. */
  readonly firedSteps: Int32Array;
  readonly #kernels: Kernels;
  readonly #exchange: Exchange;
  readonly #candidates: Candidates;
  readonly #slopes: SliceSlopes;
  readonly #moves: SliceMoves | null;
  readonly #above: PairsAbove;
  readonly #crowd: Crowd;
  #pairs = 0;
  #touched = 0;
  #dead = 0;
  readonly #revival: Revival | null;
  readonly #proposals: Proposals | null;

  constructor(settings: SliceSettings, exchange: Exchange, products: Products) {
    this.settings = settings;
    this.#kernels = new Kernels(bytesOfSlice(settings));
    this.arrays = layOut(this.#kernels, settings);
    this.fired = new Int32Array(settings.slice.features).fill(-1);
    this.firedSteps = new Int32Array(settings.slice.features);
    this.#exchange = exchange;
    const shared = { kernels: this.#kernels, exchange, products };
    this.#proposals = settings.quantised ? new Proposals(settings, this.arrays, shared) : null;
    this.#candidates = new Candidates(settings, this.arrays, { ...shared, proposals: this.#proposals });
    this.#revival = settings.kAux > 0 ? new Revival(settings, this.arrays, { kernels: this.#kernels, products }) : null;
    this.#slopes = new SliceSlopes(settings, this.arrays, this.#kernels);
    const moving = { kernels: this.#kernels, slopes: this.#slopes };
    this.#moves = settings.training ? new SliceMoves(settings, this.arrays, moving) : null;
    this.#above = new PairsAbove(settings, this.arrays, { kernels: this.#kernels, candidates: this.#candidates });
    const around = { kernels: this.#kernels, products, pairs: this.#above, slopes: this.#slopes, moves: this.#moves };
    this.#crowd = new Crowd(settings, this.arrays, around);
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

  /**
   * Candidates of this batch go into the exchange.
   * @param deadBefore features that fired last before this step are dead; null without AuxK
   * @param quantised whether they are proposed in 8 bits
   * @param measured rows whose largest exact scores go there as well; null: of none
   */
  async choose(deadBefore: number | null, quantised = false, measured: readonly number[] | null = null): Promise<void> {
    this.#takeInputs();
    this.#dead = deadBefore === null ? 0 : this.#markDead(deadBefore);
    if (!quantised) this.#proposals?.forget();
    await this.#candidates.find(this.settings.rule, this.#dead, quantised);
    if (measured) await this.#proposals?.measure(measured);
  }

  /** Rows of a tensor were set from outside. */
  noteWritten(tensor: string): void {
    if (this.settings.slice.encoder.some((span) => span.tensor === tensor)) this.#proposals?.forget();
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
    const told = rule.choice === 'above' ? await this.#reconstructAbove(rule) : this.#reconstructChosen();
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

  #reconstructAbove(rule: ThresholdRule): Promise<Reconstructed> | Reconstructed {
    if (this.#candidates.crowded) return this.#crowd.reconstruct(rule);
    const { settings, arrays: a } = this;
    const { batchRows, slice, parts } = settings;
    const told = this.#above.take(rule);
    this.#orderByRow();
    this.#decodeAbove(a.value.address, a.spread.address);
    if (parts.lines > batchRows)
      this.#decodeAbove(a.second.address, a.spread.address + batchRows * slice.writeStride * 4);
    return told;
  }

  /** Candidates above their limits by row. */
  #orderByRow(): void {
    const { arrays: a } = this;
    const { count } = this.#above.view;
    const { run } = this.#kernels;
    run.byRow(
      ...[count, this.settings.batchRows, a.candidateRow.address],
      ...[a.cursor.address, a.offsets.address, a.source.address],
    );
    run.pick(a.candidateFeature.address, a.source.address, count, a.rowFeature.address);
  }

  /** W_decᵀ of values by feature. */
  #decodeAbove(value: number, out: number): void {
    const { arrays: a } = this;
    const { batchRows, slice } = this.settings;
    const { run } = this.#kernels;
    run.pick(value, a.source.address, this.#above.view.count, a.rowValue.address);
    run.decode(
      ...[batchRows, a.offsets.address, a.rowFeature.address, a.rowValue.address, slice.first],
      ...[a.decoder.address, slice.writeStride, out],
    );
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
  async infer(): Promise<Firing> {
    const { settings, arrays: a } = this;
    const { batchRows, slice, infers } = settings;
    const firing = infers.choice === 'above' ? await this.#inferAbove(infers) : this.#inferChosen();
    this.#exchange.partial.set(a.spread.data.subarray(0, batchRows * slice.writeStride));
    return firing;
  }

  async #inferAbove(rule: ThresholdRule): Promise<Firing> {
    if (this.#candidates.crowded) return this.#crowd.infer(rule);
    const { arrays: a } = this;
    this.#above.take(rule);
    this.#orderByRow();
    this.#decodeAbove(a.value.address, a.spread.address);
    return this.#firing(this.#above.view.count);
  }

  #inferChosen(): Firing {
    const { settings, arrays: a } = this;
    const { batchRows, slice } = settings;
    const pairs = this.#candidates.settleChosen();
    this.#kernels.run.decode(
      ...[batchRows, a.offsets.address, a.rowFeature.address, a.rowValue.address, slice.first],
      ...[a.decoder.address, slice.writeStride, a.spread.address],
    );
    return this.#firing(pairs);
  }

  #firing(pairs: number): Firing {
    const { offsets, rowFeature, rowValue } = this.arrays;
    return {
      offsets: offsets.data.slice(0, this.settings.batchRows + 1),
      feature: rowFeature.data.slice(0, pairs),
      value: rowValue.data.slice(0, pairs),
    };
  }

  /**
   * Gradients of the slice's tensors from those by its reconstructions, which the exchange holds.
   * @returns Σ of squared gradients after projection, of what the slice owns
   */
  async derive(step: number, slope: number): Promise<number> {
    const moves = this.#moves as SliceMoves;
    const { arrays: a, settings } = this;
    const { rule, training } = settings;
    a.gradients.data.set(this.#exchange.gradients);
    if (rule.choice === 'above' && this.#candidates.crowded) {
      const squares = await this.#crowd.derive(rule, { step, slope }, this);
      this.#exchange.through.set(a.through.data.subarray(0, this.#exchange.through.length));
      return squares;
    }
    if (rule.choice === 'above') this.#touched = this.#slopesAbove(rule, slope);
    else {
      const revived = this.#dense ? this.#dead : 0;
      if (revived > 0) await this.#revival?.derive(revived);
      this.#touched = this.#slopes.slopesChosen(this.#pairs, revived);
    }
    this.#slopes.noteFired(this, { step, touched: this.#touched });
    moves.throughEncoder(this.#touched);
    this.#exchange.through.set(a.through.data.subarray(0, this.#exchange.through.length));
    return training?.clips ? moves.squares(this.#touched) : 0;
  }

  #slopesAbove(rule: ThresholdRule, slope: number): number {
    const { view, vectors } = this.#above;
    this.#slopes.clearVectors();
    this.#slopes.give(null);
    this.#slopes.slopesAbove({ pairs: view, vectors, slope, rule });
    return view.features;
  }

  /** Adam's step. @returns Σ of squared gradients after projection, before clipping */
  update(numbers: AdamNumbers): Promise<number> | number {
    const { rule } = this.settings;
    if (rule.choice === 'above' && this.#candidates.crowded) return this.#crowd.update(rule, numbers);
    const moves = this.#moves as SliceMoves;
    moves.quantises = this.#proposals?.current ?? false;
    return moves.update(this.#touched, numbers);
  }
}
