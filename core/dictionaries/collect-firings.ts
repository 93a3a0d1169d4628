// Collects what the encoder graph returns, batch by batch, as firings in feature order with half-precision values.
// A value that rounds to zero in half precision is no firing; one that rounds to infinity is an error.
import { floatToHalf, floatsToHalfs } from '../tensor/half.js';
import { DataError } from '../../schemas/errors.js';
import type { Firings } from './token-order.js';

const HALF_INFINITY = 0x7c00;

/** Pairs of one batch: feature ids and values [rows, capacity]; value ≤ 0 does not count. Without ids column i is feature i. */
export interface BatchPairs {
  readonly feature: Int32Array | null;
  readonly value: Float32Array;
  readonly capacity: number;
}

/** What fires on rows of one slice: pairs offsets[i] … offsets[i + 1] of row i; value 0 does not count. */
export interface SliceFirings {
  readonly offsets: Uint32Array;
  readonly feature: Uint32Array;
  readonly value: Float32Array;
}

export class FiringCollector {
  readonly #offsets: Uint32Array;
  readonly #rows: number;
  #row = 0;
  #feature: Uint32Array;
  #value: Uint16Array;
  #count = 0;

  /** @param rows rows to come @param perRow firings expected per row; grows beyond */
  constructor(rows: number, perRow: number) {
    this.#rows = rows;
    this.#offsets = new Uint32Array(rows + 1);
    this.#feature = new Uint32Array(rows * perRow);
    this.#value = new Uint16Array(rows * perRow);
  }

  /** Adds `count` rows. @throws DataError with `row` where a value exceeds half precision */
  add({ feature, value, capacity }: BatchPairs, count: number): void {
    const halfs = floatsToHalfs(value.subarray(0, count * capacity));
    this.#grow(feature ? count * capacity : countFirings(halfs));
    for (let i = 0; i < count; i++) {
      for (let j = i * capacity; j < (i + 1) * capacity; j++) {
        const half = halfs[j] as number;
        if (half === 0 || half > HALF_INFINITY) continue; // zero, or negative (sign bit set)
        const id = feature ? (feature[j] as number) : j - i * capacity;
        if (half === HALF_INFINITY) throw overflow(this.#row, id, value[j] as number);
        this.#insert(id, half);
      }
      this.#offsets[++this.#row] = this.#count;
    }
  }

  /**
   * Adds `count` rows, given slice after slice by row, features ascending. @throws DataError with `row` where a value exceeds half
   * precision
   */
  addSlices(slices: readonly SliceFirings[], count: number): void {
    this.#grow(slices.reduce((sum, { offsets }) => sum + (offsets[count] as number), 0));
    for (let i = 0; i < count; i++) {
      for (const { offsets, feature, value } of slices) {
        const end = offsets[i + 1] as number;
        for (let p = offsets[i] as number; p < end; p++) {
          const half = floatToHalf(value[p] as number);
          if (half === 0 || half > HALF_INFINITY) continue; // zero, or negative (sign bit set)
          if (half === HALF_INFINITY) throw overflow(this.#row, feature[p] as number, value[p] as number);
          this.#feature[this.#count] = feature[p] as number;
          this.#value[this.#count++] = half;
        }
      }
      this.#offsets[++this.#row] = this.#count;
    }
  }

  /** All firings, once every row was added. */
  finish(): Firings {
    const count = this.#count;
    if (this.#row !== this.#rows) throw new DataError(`Expected ${this.#rows} encoded rows, found ${this.#row}.`);
    return {
      offsets: this.#offsets,
      feature: this.#feature.subarray(0, count),
      value: this.#value.subarray(0, count),
    };
  }

  /** Insertion from the row's end keeps the few firings of a row sorted by feature. */
  #insert(feature: number, half: number): void {
    const start = this.#offsets[this.#row] as number;
    let at = this.#count++;
    while (at > start && (this.#feature[at - 1] as number) > feature) {
      this.#feature[at] = this.#feature[at - 1] as number;
      this.#value[at] = this.#value[at - 1] as number;
      at--;
    }
    this.#feature[at] = feature;
    this.#value[at] = half;
  }

  #grow(more: number): void {
    const needed = this.#count + more;
    if (needed <= this.#feature.length) return;
    const length = Math.max(needed, 2 * this.#feature.length);
    const [feature, value] = [new Uint32Array(length), new Uint16Array(length)];
    feature.set(this.#feature.subarray(0, this.#count));
    value.set(this.#value.subarray(0, this.#count));
    this.#feature = feature;
    this.#value = value;
  }
}

/** How many of all features fire: few, where every feature has a column. */
function countFirings(halfs: Uint16Array): number {
  let count = 0;
  for (const half of halfs) if (half !== 0 && half <= HALF_INFINITY) count++;
  return count;
}

function overflow(row: number, feature: number, value: number): DataError {
  const text = `Expected feature activations below 65,520 (they are stored as float16), found ${value} for feature ${feature}. The activations of this site are too large for this dictionary's units.`;
  return new DataError(text, { row, feature, value });
}
