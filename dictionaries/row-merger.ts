// Joins the candidates of all slices: of each row the k largest keys fire, whichever slice has them.
import { type KernelArray, Kernels, roomFor } from '../runtime/kernels/kernels.js';

/** Candidates of one slice, and where the least key that fires goes. */
export interface RowCandidates {
  /** [B] */
  readonly filled: Uint32Array;
  /** [B, k] */
  readonly keys: BigUint64Array;
  /** [B] */
  readonly least: BigUint64Array;
}

export class RowMerger {
  readonly #slices: number;
  readonly #rows: number;
  readonly #k: number;
  readonly #kernels: Kernels;
  readonly #filled: KernelArray<Uint32Array>;
  readonly #keys: KernelArray<BigUint64Array>;
  readonly #scratch: KernelArray<BigUint64Array>;
  readonly #least: KernelArray<BigUint64Array>;

  constructor(slices: number, rows: number, k: number) {
    this.#slices = slices;
    this.#rows = rows;
    this.#k = k;
    this.#kernels = new Kernels(
      roomFor(4 * slices * rows) + roomFor(8 * slices * rows * k) + roomFor(8 * slices * k) + roomFor(8 * rows),
    );
    this.#filled = this.#kernels.words(slices * rows);
    this.#keys = this.#kernels.keys(slices * rows * k);
    this.#scratch = this.#kernels.keys(slices * k);
    this.#least = this.#kernels.keys(rows);
  }

  merge(slices: readonly RowCandidates[]): void {
    slices.forEach(({ filled, keys }, s) => {
      this.#filled.data.set(filled, s * this.#rows);
      this.#keys.data.set(keys, s * this.#rows * this.#k);
    });
    this.#kernels.run.mergeTop(
      ...[this.#slices, this.#rows, this.#k, this.#filled.address, this.#keys.address, this.#k],
      ...[this.#scratch.address, this.#least.address],
    );
    for (const { least } of slices) least.set(this.#least.data);
  }
}
