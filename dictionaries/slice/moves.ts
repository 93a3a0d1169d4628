// The second half of a slice's step: gradients by scores and vectors from those by reconstructions, and Adam's step over the rows
// that were touched. A row's gradients exist one at a time, in the cache (kernels/update.ts).
//
//   ∂W_dec_i = Σ_p f_p g_line(p) + (∂loss/∂‖W_dec.w_i‖) W_dec.w_i / ‖W_dec.w_i‖       ∂W_enc_i = Σ_p ∂z_p x'_row(p)
//   lines are rows of reconstructions: of each prefix (a feature has the gradient of the first prefix that holds it, in which those
//   of the larger ones are summed), then of AuxK
import { type Pairs, type Slopes, type ThresholdRule, type Vectors } from '../../core/dictionaries/fast/rule.js';
import type { KernelArray, Kernels } from '../../runtime/kernels/kernels.js';
import type { SliceArrays } from './arrays.js';
import type { SliceSettings, SliceTraining } from './settings.js';

/** Flags of kernels/update.ts. */
const UNIT = 1;
const ROW_MOMENT = 2;
const NO_MOMENTUM = 4;

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

interface Above {
  readonly rule: ThresholdRule;
  readonly pairs: Pairs;
  readonly vectors: Vectors;
  readonly slope: number;
}

export class SliceMoves {
  /** The step in which each row was moved last; kept where rows that nothing touches stay. */
  readonly moved: Int32Array;
  readonly #settings: SliceSettings;
  readonly #training: SliceTraining;
  readonly #arrays: SliceArrays;
  readonly #kernels: Kernels;
  /** Weighs decoders by norms in this step. */
  #sites = 0;
  /** Whether rows have gradients from elsewhere (AuxK over whole rows). */
  #given = false;
  /** Row of x' of each pair. */
  #inputRow: number;

  constructor(settings: SliceSettings, arrays: SliceArrays, kernels: Kernels) {
    this.#settings = settings;
    this.#training = settings.training as SliceTraining;
    this.#arrays = arrays;
    this.#kernels = kernels;
    this.#inputRow = arrays.inputRow.address;
    this.moved = new Int32Array(this.#lazy ? settings.slice.features : 0);
  }

  /** With β1 = 0 a row that nothing touches does not move. */
  get #lazy(): boolean {
    return this.#training.betas[0] === 0;
  }

  /** Kinds that choose the largest: ∂loss/∂z = g · W_dec for every pair. @param revived dead features whose gradients are given @returns touched features */
  slopesChosen(pairs: number, revived: number): number {
    const a = this.#arrays;
    const { run } = this.#kernels;
    const { slice, batchRows, parts, kAux } = this.#settings;
    const lines = parts.lines + (kAux > 0 ? batchRows : 0);
    const touched = run.byFeature(
      ...[lines, a.offsets.address, a.rowFeature.address, slice.first, slice.features],
      revived > 0 ? a.dead.address : 0,
      ...[a.counts.address, a.touched.address, a.starts.address, a.row.address, a.source.address],
    );
    run.pick(a.rowValue.address, a.source.address, pairs, a.value.address);
    for (let p = 0; p < pairs; p++) a.inputRow.data[p] = (a.row.data[p] as number) % batchRows;
    this.#inputRow = a.inputRow.address;
    this.#dots(touched, a.row, { gradients: a.gradients.address, out: a.slopes });
    this.#given = revived > 0;
    const biases = this.#clearVector('b_enc');
    for (let t = 0, d = 0; t < touched; t++) {
      const place = revived > 0 && a.dead.data[a.touched.data[t] as number] === 1 ? d++ : -1;
      if (this.#given) a.places.data[t] = place;
      let sum = place < 0 ? 0 : (a.deadSums.data[place] as number);
      const end = a.starts.data[t + 1] as number;
      for (let p = a.starts.data[t] as number; p < end; p++) sum += a.slopes.data[p] as number;
      biases[a.touched.data[t] as number] = sum;
      a.sums.data[t] = sum;
    }
    this.#sites = 0;
    return touched;
  }

  /** Kinds with limits. */
  slopesAbove({ rule, pairs, vectors, slope }: Above): void {
    const a = this.#arrays;
    const { settings, slice, batchRows, parts } = this.#settings;
    this.#inputRow = a.candidateRow.address;
    a.row.data.set(a.candidateRow.data.subarray(0, pairs.count));
    this.#dots(pairs.features, a.candidateRow, { gradients: a.gradients.address, out: a.dots });
    const second = parts.lines > batchRows;
    if (second) {
      const gradients = a.gradients.address + 4 * batchRows * slice.writeStride;
      this.#dots(pairs.features, a.candidateRow, { gradients, out: a.secondDots });
    }
    const scratch = new Map([...a.vectors.keys()].map((name) => [name, new Float32Array(pairs.features)]));
    const norms = new Float32Array(pairs.features);
    const into: Slopes = { score: a.slopes.data, vectors: scratch, norms };
    const of = (first: KernelArray<Float32Array>, other: KernelArray<Float32Array>): Float32Array[] =>
      second ? [first.data, other.data] : [first.data];
    const [values, dots] = [of(a.value, a.second), of(a.dots, a.secondDots)];
    rule.slopes({ pairs, vectors, norms: a.sums.data, values, dots, slope, settings }, into);
    for (const [name, own] of scratch) {
      const g = this.#clearVector(name);
      for (let t = 0; t < pairs.features; t++) g[a.touched.data[t] as number] = own[t] as number;
    }
    for (let t = 0; t < pairs.features; t++) {
      let sum = 0;
      const end = pairs.starts[t + 1] as number;
      for (let p = pairs.starts[t] as number; p < end; p++) sum += a.slopes.data[p] as number;
      a.sums.data[t] = sum;
    }
    this.#weigh(rule, norms, pairs.features);
  }

  /** ∂loss/∂‖W_dec.w_i‖ / ‖W_dec.w_i‖, what a row's own weights are multiplied by. */
  #weigh(rule: ThresholdRule, norms: Float32Array, touched: number): void {
    const a = this.#arrays;
    const sites = this.#settings.slice.decoder.length;
    const weighs = rule.weighs === 'always' || (rule.weighs === 'several' && sites > 1);
    this.#sites = weighs ? sites : 0;
    if (!weighs) return;
    for (let t = 0; t < touched; t++)
      for (let s = 0; s < sites; s++) {
        const norm = a.norms.data[t * sites + s] as number;
        a.along.data[t * sites + s] = norm > 0 ? (norms[t] as number) / norm : 0;
      }
  }

  #dots(
    touched: number,
    row: KernelArray<Uint32Array>,
    { gradients, out }: { readonly gradients: number; readonly out: KernelArray<Float32Array> },
  ): void {
    const a = this.#arrays;
    this.#kernels.run.pairDots(
      ...[touched, a.touched.address, a.starts.address, row.address, gradients],
      ...[a.decoder.address, this.#settings.slice.writeStride, out.address],
    );
  }

  #clearVector(name: string): Float32Array {
    return (this.#arrays.vectors.get(name)?.g.data as Float32Array).fill(0);
  }

  /** Features whose value was above 0 in a reconstruction (AuxK does not count). */
  noteFired(
    { fired, firedSteps }: { readonly fired: Int32Array; readonly firedSteps: Int32Array },
    { step, touched }: { readonly step: number; readonly touched: number },
  ): void {
    const a = this.#arrays;
    const { parts } = this.#settings;
    for (let t = 0; t < touched; t++) {
      const end = a.starts.data[t + 1] as number;
      for (let p = a.starts.data[t] as number; p < end; p++) {
        if ((a.row.data[p] as number) >= parts.lines || !((a.value.data[p] as number) > 0)) continue;
        const feature = a.touched.data[t] as number;
        fired[feature] = step;
        firedSteps[feature] = (firedSteps[feature] as number) + 1;
        break;
      }
    }
  }

  #encoderGiven(): [number, number] {
    const a = this.#arrays;
    return this.#given ? [a.deadEncoderG.address, a.places.address] : [0, 0];
  }

  #decoderGiven(): [number, number] {
    const a = this.#arrays;
    return this.#given ? [a.deadDecoderG.address, a.places.address] : [0, 0];
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

  /** Σ of squared gradients, without moving. */
  squares(touched: number): number {
    const { run } = this.#kernels;
    const a = this.#arrays;
    const { slice } = this.#settings;
    const lists = [touched, a.touched.address, a.starts.address] as const;
    const encoder = run.gradientRows(
      ...lists,
      ...[this.#inputRow, a.slopes.address, a.inputs.address, ...this.#encoderGiven(), 0, 0, 0],
      ...[a.encoder.address, slice.readStride, 0, a.scratch.address],
    );
    const decoder = run.gradientRows(
      ...lists,
      ...[a.row.address, a.value.address, a.gradients.address, ...this.#decoderGiven()],
      ...[a.along.address, a.bounds.address, this.#sites],
      ...[a.decoder.address, slice.writeStride, this.#unit, a.scratch.address],
    );
    return encoder + decoder + this.#vectorSquares();
  }

  #vectorSquares(): number {
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

  /** Adam's step over all that the slice owns. @returns Σ of squared gradients before clipping */
  update(touched: number, numbers: AdamNumbers): number {
    const { run } = this.#kernels;
    const a = this.#arrays;
    const { slice } = this.#settings;
    const { betas, epsilon } = this.#training;
    run.setAdam(betas[0], 1 - betas[0], betas[1], 1 - betas[1], epsilon, numbers.rate, numbers.correction);
    run.setClip(numbers.clip);
    const decay = this.#lazy ? this.#decays(touched, numbers.step) : 0;
    const lists = [touched, a.touched.address, a.starts.address] as const;
    const [reads, writes] = [slice.encoder, slice.decoder].map((spans) => spans.reduce((n, { width }) => n + width, 0));
    let squares = run.updateRows(
      ...lists,
      ...[this.#inputRow, a.slopes.address, a.inputs.address, ...this.#encoderGiven(), 0, 0, 0],
      ...[a.encoder.address, a.encoderM.address, a.encoderV.address, decay],
      ...[slice.readStride, reads as number, this.#flags, a.scratch.address],
    );
    squares += run.updateRows(
      ...lists,
      ...[a.row.address, a.value.address, a.gradients.address, ...this.#decoderGiven()],
      ...[a.along.address, a.bounds.address, this.#sites],
      ...[a.decoder.address, a.decoderM.address, a.decoderV.address, decay],
      ...[slice.writeStride, writes as number, this.#flags | this.#unit, a.scratch.address],
    );
    if (!this.#lazy) this.#coast(touched, [reads as number, writes as number]);
    squares += this.#vectorSquares();
    for (const { value, g, m, v } of a.vectors.values())
      run.updateDense(value.address, g.address, m.address, v.address, value.data.length, this.#flags);
    return squares;
  }

  /** Rows that nothing touched move on by their momentum. */
  #coast(touched: number, [reads, writes]: readonly [number, number]): void {
    const { run } = this.#kernels;
    const a = this.#arrays;
    const { slice } = this.#settings;
    a.marks.data.fill(0);
    for (let t = 0; t < touched; t++) a.marks.data[a.touched.data[t] as number] = 1;
    run.coastRows(
      ...[slice.features, a.marks.address, a.encoder.address, a.encoderM.address, a.encoderV.address],
      ...[slice.readStride, reads, this.#flags, a.zero.address],
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

/** base^exponent by squaring, the same on every machine. */
function power(base: number, exponent: number): number {
  let [result, square] = [1, base];
  for (let left = exponent; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result *= square;
    square *= square;
  }
  return result;
}
