// Candidates of a slice by scores in 8 bits: every row of weights and of inputs has bytes and a scale, the product of bytes proposes
// more features than may fire, and what is proposed is scored again exactly. AuxK's candidates are exact: the few dead features are
// multiplied in float32.
//
//   w_i ≈ s_i q_i,  x_b ≈ t_b p_b,  |q|, |p| ≤ 127      z_bi ≈ s_i t_b (Σ_j (q_ij + 128) p_bj − 128 Σ_j p_bj) + b_enc_i
import type { Kernels } from '../../runtime/kernels/kernels.js';
import type { IntegerProduct } from '../integer-product.js';
import type { Products } from '../products.js';
import { type SliceArrays, blockFeatures, denseDead, keyCapacity, rowCapacity, rowsProposed } from './arrays.js';
import { copyKeys, type Exchange } from './exchange.js';
import type { SliceSettings } from './settings.js';

/** Bytes of weights are unsigned. */
const OFFSET = 128;

interface Around {
  readonly kernels: Kernels;
  readonly products: Products;
  readonly exchange: Exchange;
}

export class Proposals {
  readonly #settings: SliceSettings;
  readonly #arrays: SliceArrays;
  readonly #around: Around;
  readonly #capacity: number;
  /** Whether all bytes are those of the weights. */
  #current = false;

  constructor(settings: SliceSettings, arrays: SliceArrays, around: Around) {
    this.#settings = settings;
    this.#arrays = arrays;
    this.#around = around;
    this.#capacity = rowCapacity(settings);
  }

  /** Whether bytes are in use: whoever moves a row writes its bytes too. */
  get current(): boolean {
    return this.#current;
  }

  /** Weights were set from outside, or candidates are exact, so that rows may move without their bytes. */
  forget(): void {
    this.#current = false;
  }

  #quantiseAll(): void {
    const { slice } = this.#settings;
    const a = this.#arrays;
    this.#around.kernels.run.quantiseRows(
      ...[slice.features, 0, slice.readStride, a.encoder.address, a.encoderBytes.address, a.encoderScales.address],
      OFFSET,
    );
    this.#current = true;
  }

  /** Candidates of each row into `keys`, those of dead features into `auxKeys`. @param dead marked ones; `keeps`: their z is wanted */
  async find({ dead, keeps }: { readonly dead: number; readonly keeps: boolean }): Promise<void> {
    const { slice, batchRows } = this.#settings;
    const { run } = this.#around.kernels;
    const a = this.#arrays;
    if (!this.#current) this.#quantiseAll();
    this.#quantiseInputs();
    const block = blockFeatures(batchRows, slice.features);
    for (let first = 0; first < slice.features; first += block)
      await this.#propose(first, Math.min(block, slice.features - first));
    run.rescoreTop(...[batchRows, a.filled.address, a.keys.address], ...this.#rescored(a.inputs.address));
    if (dead > 0) await this.#scoreDead(dead, keeps);
  }

  /** By what candidates of these inputs are scored again, and of how many rows and keys. */
  #rescored(inputs: number): number[] {
    const { slice, k } = this.#settings;
    const { encoder } = this.#arrays;
    return [this.#capacity, k, inputs, encoder.address, this.#bias, slice.first, slice.readStride];
  }

  get #bias(): number {
    return this.#arrays.vectors.get('b_enc')?.value.address ?? 0;
  }

  #quantiseInputs(): void {
    const { slice, batchRows } = this.#settings;
    const { run } = this.#around.kernels;
    const a = this.#arrays;
    run.quantiseRows(
      ...[batchRows, 0, slice.readStride, a.inputs.address, a.inputRows.address, a.inputScales.address, 0],
    );
    run.transposeBytes(
      ...[batchRows, slice.readStride, a.inputRows.address, a.inputColumns.address, a.inputCorrections.address],
    );
  }

  async #propose(first: number, count: number): Promise<void> {
    const { slice, batchRows, k } = this.#settings;
    const { kernels, products } = this.#around;
    const a = this.#arrays;
    const { readStride } = slice;
    await (products.integer as IntegerProduct).multiply({
      weights: a.encoderBytes.data.subarray(first * readStride, (first + count) * readStride),
      inputs: bytesOf(a.inputColumns.data),
      products: new Int32Array(a.scores.data.buffer, a.scores.address, count * batchRows),
      ...{ features: count, rows: batchRows, width: readStride },
    });
    kernels.run.scanTopScaled(
      ...[a.scores.address, count, batchRows, this.#bias + 4 * first, slice.first + first],
      ...[a.inputCorrections.address, a.inputScales.address, a.encoderScales.address + 4 * first],
      ...[a.floor.address, a.filled.address, a.keys.address, this.#capacity, rowsProposed(k)],
    );
  }

  /** Exact scores of dead features, whose rows are gathered. */
  async #scoreDead(dead: number, keeps: boolean): Promise<void> {
    const { slice, batchRows, kAux } = this.#settings;
    const { run } = this.#around.kernels;
    const a = this.#arrays;
    const most = Math.min(denseDead(this.#settings), blockFeatures(batchRows, slice.features));
    for (let from = 0; from < dead; from += most) {
      const count = Math.min(most, dead - from);
      const ids = a.deadIds.address + 4 * from;
      // Room for the gradients of these rows, which come later in the step.
      run.gatherRows(count, ids, slice.first, a.encoder.address, slice.readStride, a.deadEncoderG.address);
      await this.#score(a.deadEncoderG.data, a.inputs.data, { features: count, rows: batchRows });
      run.scanTopListed(
        ...[a.scores.address, count, batchRows, this.#bias, ids, slice.first],
        ...[a.auxFloor.address, a.auxFilled.address, a.auxKeys.address, keyCapacity(kAux), kAux],
      );
      const out = a.deadValues.address + 4 * from * batchRows;
      if (keeps) run.shiftListed(a.scores.address, count, batchRows, this.#bias, ids, slice.first, out);
    }
  }

  async #score(
    weights: Float32Array,
    inputs: Float32Array,
    { features, rows }: { readonly features: number; readonly rows: number },
  ): Promise<void> {
    const { readStride } = this.#settings.slice;
    await this.#around.products.score({
      ...{ weights: weights.subarray(0, features * readStride), inputs: inputs.subarray(0, rows * readStride) },
      scores: this.#arrays.scores.data.subarray(0, features * rows),
      ...{ features, rows, width: readStride },
    });
  }

  /** The k largest exact scores of some rows of the batch, over all features, into the exchange. */
  async measure(rows: readonly number[]): Promise<void> {
    const { slice, k } = this.#settings;
    const { kernels, exchange } = this.#around;
    const { run } = kernels;
    const a = this.#arrays;
    const width = slice.readStride;
    a.measuredPlaces.data.set(rows);
    run.gatherRows(rows.length, a.measuredPlaces.address, 0, a.inputs.address, width, a.measuredInputs.address);
    a.measuredFloor.data.fill(0);
    a.measuredFilled.data.fill(0);
    const block = Math.min(slice.features, Math.floor(a.scores.data.length / rows.length));
    const places = [a.measuredFilled.address, a.measuredKeys.address] as const;
    for (let first = 0; first < slice.features; first += block) {
      const features = Math.min(block, slice.features - first);
      const weights = a.encoder.data.subarray(first * width);
      await this.#score(weights, a.measuredInputs.data, { features, rows: rows.length });
      run.scanTop(
        ...[a.scores.address, features, rows.length, this.#bias + 4 * first, slice.first + first],
        ...[a.measuredFloor.address, ...places, this.#capacity, rowsProposed(k)],
      );
    }
    // Sums in the order of those by which proposals are scored again: equal features have equal keys.
    run.rescoreTop(rows.length, ...places, ...this.#rescored(a.measuredInputs.address));
    copyKeys(a.measuredKeys.data, exchange.measuredKeys, { rows: rows.length, from: this.#capacity, to: k });
    exchange.measuredFilled.set(a.measuredFilled.data);
  }
}

function bytesOf(bytes: Uint8Array): Int8Array {
  return new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
