// The second half of a slice's step: gradients by scores and vectors from those by reconstructions, and Adam's step over the rows
// that were touched. A row's gradients exist one at a time, in the cache (kernels/update.ts).
//
//   ∂W_dec_i = Σ_p f_p g_line(p) + (∂loss/∂‖W_dec.w_i‖) W_dec.w_i / ‖W_dec.w_i‖       ∂W_enc_i = Σ_p ∂z_p x'_row(p)
//   lines are rows of reconstructions: of each prefix (a feature has the gradient of the first prefix that holds it, in which those
//   of the larger ones are summed), then of AuxK
import { power } from './power.js';
import type { Kernels } from '../../runtime/kernels/kernels.js';
import type { SliceArrays } from './arrays.js';
import type { SliceSettings, SliceTraining } from './settings.js';
import type { SliceSlopes } from './slopes.js';

/** Flags of kernels/update.ts. */
const UNIT = 1;
const ROW_MOMENT = 2;
const NO_MOMENTUM = 4;
const QUANTISE = 8;

/** One step's numbers of Adam, computed in float64. */
export interface AdamNumbers {
  /** t, from 1. */
  readonly step: number;
  /** lr / (1 − β1^t) */
  readonly rate: number;
  /** 1 / √(1 − β2^t) */
  readonly correction: number;
  /** What gradients are multiplied by. */
  readonly clip: number;
}

interface Around {
  readonly kernels: Kernels;
  readonly slopes: SliceSlopes;
}

export class SliceMoves {
  /** The step in which each row was moved last; kept where rows that nothing touches stay. */
  readonly moved: Int32Array;
  /** Whether moved rows of the encoder are written as bytes too. */
  quantises = false;
  readonly #settings: SliceSettings;
  readonly #training: SliceTraining;
  readonly #arrays: SliceArrays;
  readonly #kernels: Kernels;
  readonly #slopes: SliceSlopes;

  constructor(settings: SliceSettings, arrays: SliceArrays, around: Around) {
    this.#settings = settings;
    this.#training = settings.training as SliceTraining;
    this.#arrays = arrays;
    this.#kernels = around.kernels;
    this.#slopes = around.slopes;
    this.moved = new Int32Array(this.#lazy ? settings.slice.features : 0);
  }

  /** With β1 = 0 a row that nothing touches does not move. */
  get #lazy(): boolean {
    return this.#training.betas[0] === 0;
  }

  /** Σ_i (Σ_p ∂z_p) W_enc_i into `through`, with the weights before the step. */
  throughEncoder(touched: number): void {
    const a = this.#arrays;
    const offsets = a.cursor;
    offsets.data[0] = 0;
    offsets.data[1] = touched;
    this.#kernels.run.decode(
      ...[1, offsets.address, a.touched.address, a.sums.address, 0],
      ...[a.encoder.address, this.#settings.slice.readStride, a.through.address],
    );
  }

  #givenOf(which: 'encoder' | 'decoder'): [number, number] {
    const { given } = this.#slopes.found;
    return given ? [given[which], given.places] : [0, 0];
  }

  /** Σ of squared gradients, without moving. */
  squares(touched: number): number {
    return this.rowSquares(touched) + this.vectorSquares();
  }

  /** Of rows alone. */
  rowSquares(touched: number): number {
    const { run } = this.#kernels;
    const a = this.#arrays;
    const { slice } = this.#settings;
    const lists = [touched, a.touched.address, a.starts.address] as const;
    const encoder = run.gradientRows(
      ...lists,
      ...[this.#slopes.found.inputRow, a.slopes.address, a.inputs.address, ...this.#givenOf('encoder'), 0, 0, 0],
      ...[a.encoder.address, slice.readStride, 0, a.scratch.address],
    );
    const decoder = run.gradientRows(
      ...lists,
      ...[a.row.address, a.value.address, a.gradients.address, ...this.#givenOf('decoder')],
      ...[a.along.address, a.bounds.address, this.#slopes.found.sites],
      ...[a.decoder.address, slice.writeStride, this.#unit, a.scratch.address],
    );
    return encoder + decoder;
  }

  vectorSquares(): number {
    let sum = 0;
    for (const { g } of this.#arrays.vectors.values()) for (const value of g.data) sum += value * value;
    return sum;
  }

  get #unit(): number {
    return this.#training.unitRows ? UNIT : 0;
  }

  get #flags(): number {
    return (this.#lazy ? NO_MOMENTUM : 0) | (this.#training.moments === 'row' ? ROW_MOMENT : 0);
  }

  get #encoderFlags(): number {
    return this.#flags | (this.quantises ? QUANTISE : 0);
  }

  /** Adam's step over all that the slice owns. @returns Σ of squared gradients before clipping */
  update(touched: number, numbers: AdamNumbers): number {
    this.beginUpdate(numbers);
    const squares = this.moveRows(touched, numbers.step);
    return squares + this.endUpdate();
  }

  beginUpdate(numbers: AdamNumbers): void {
    const { run } = this.#kernels;
    const { betas, epsilon } = this.#training;
    run.setAdam(betas[0], 1 - betas[0], betas[1], 1 - betas[1], epsilon, numbers.rate, numbers.correction);
    run.setClip(numbers.clip);
    run.setBytes(this.#arrays.encoderBytes.address, this.#arrays.encoderScales.address);
    this.#arrays.marks.data.fill(0);
  }

  /** Numbers of a row that is read and of one that is written. */
  get #widths(): [number, number] {
    const { encoder, decoder } = this.#settings.slice;
    const widthOf = (spans: typeof encoder): number => spans.reduce((n, { width }) => n + width, 0);
    return [widthOf(encoder), widthOf(decoder)];
  }

  /** The rows of touched features. @param step t, from 1 @returns Σ of their squared gradients before clipping */
  moveRows(touched: number, step: number): number {
    const { run } = this.#kernels;
    const a = this.#arrays;
    const { slice } = this.#settings;
    const decay = this.#lazy ? this.#decays(touched, step) : 0;
    const lists = [touched, a.touched.address, a.starts.address] as const;
    const [reads, writes] = this.#widths;
    let squares = run.updateRows(
      ...lists,
      ...[this.#slopes.found.inputRow, a.slopes.address, a.inputs.address, ...this.#givenOf('encoder'), 0, 0, 0],
      ...[a.encoder.address, a.encoderM.address, a.encoderV.address, decay],
      ...[slice.readStride, reads, this.#encoderFlags, a.scratch.address],
    );
    squares += run.updateRows(
      ...lists,
      ...[a.row.address, a.value.address, a.gradients.address, ...this.#givenOf('decoder')],
      ...[a.along.address, a.bounds.address, this.#slopes.found.sites],
      ...[a.decoder.address, a.decoderM.address, a.decoderV.address, decay],
      ...[slice.writeStride, writes, this.#flags | this.#unit, a.scratch.address],
    );
    for (let t = 0; t < touched; t++) a.marks.data[a.touched.data[t] as number] = 1;
    return squares;
  }

  /** Rows that nothing touched, and the vectors. @returns Σ of squared gradients of the vectors */
  endUpdate(): number {
    const { run } = this.#kernels;
    const a = this.#arrays;
    if (!this.#lazy) this.#coast();
    for (const { value, g, m, v } of a.vectors.values())
      run.updateDense(value.address, g.address, m.address, v.address, value.data.length, this.#flags);
    return this.vectorSquares();
  }

  /** Rows that nothing touched move on by their momentum. */
  #coast(): void {
    const { run } = this.#kernels;
    const a = this.#arrays;
    const { slice } = this.#settings;
    const [reads, writes] = this.#widths;
    run.coastRows(
      ...[slice.features, a.marks.address, a.encoder.address, a.encoderM.address, a.encoderV.address],
      ...[slice.readStride, reads, this.#encoderFlags, a.zero.address],
    );
    run.coastRows(
      ...[slice.features, a.marks.address, a.decoder.address, a.decoderM.address, a.decoderV.address],
      ...[slice.writeStride, writes, this.#flags | this.#unit, a.zero.address],
    );
  }

  /** β2^Δ of touched rows, Δ steps after they were moved last. @returns its address */
  #decays(touched: number, step: number): number {
    const { decay, touched: ids } = this.#arrays;
    const beta2 = Math.fround(this.#training.betas[1]);
    for (let t = 0; t < touched; t++) {
      const row = ids.data[t] as number;
      decay.data[t] = power(beta2, step - (this.moved[row] as number));
      this.moved[row] = step;
    }
    return decay.address;
  }
}
