// What a generator of rows with known features gives: the features' directions, and any range of its rows with the features that
// made them. Rows are a function of the source's settings, the stream and their numbers alone: any range may be drawn by itself.
import type { Matrix } from '../../core/tensor/matrix.js';

/** Rows of different streams are independent: to train on, to fit scales and thresholds to, to report numbers of. */
export type Stream = 'fit' | 'calib' | 'test';

/** Which true features are active on rows, and how strongly: row r has entries offsets[r] … offsets[r + 1] − 1, by feature. */
export interface TrueFirings {
  readonly offsets: Uint32Array;
  readonly feature: Uint32Array;
  readonly value: Float32Array;
}

export interface SyntheticRows {
  /** [count, width]. */
  readonly rows: Float32Array;
  readonly firings: TrueFirings;
}

export interface SyntheticSource {
  /** Directions of the true features [features, width]. */
  readonly directions: Matrix;
  /** What every row has besides its features [width]. */
  readonly bias: Float32Array;
  /** Rows `from` … `from + count − 1` of a stream. */
  draw(stream: Stream, from: number, count: number): Promise<SyntheticRows>;
}

/** Firings that grow row by row. */
export class FiringList {
  #feature: Uint32Array;
  #value: Float32Array;
  #count = 0;
  readonly #offsets: Uint32Array;
  #row = 0;

  /** @param expected firings per row; grows beyond */
  constructor(rows: number, expected: number) {
    this.#offsets = new Uint32Array(rows + 1);
    this.#feature = new Uint32Array(Math.max(16, Math.ceil(rows * expected)));
    this.#value = new Float32Array(this.#feature.length);
  }

  /** Adds a firing of the present row. */
  add(feature: number, value: number): void {
    if (this.#count === this.#feature.length) this.#grow();
    const start = this.#offsets[this.#row] as number;
    let at = this.#count++;
    // Insertion from the row's end: features come nearly in order.
    while (at > start && (this.#feature[at - 1] as number) > feature) {
      this.#feature[at] = this.#feature[at - 1] as number;
      this.#value[at] = this.#value[at - 1] as number;
      at--;
    }
    this.#feature[at] = feature;
    this.#value[at] = value;
  }

  endRow(): void {
    this.#offsets[++this.#row] = this.#count;
  }

  finish(): TrueFirings {
    return {
      offsets: this.#offsets,
      feature: this.#feature.subarray(0, this.#count),
      value: this.#value.subarray(0, this.#count),
    };
  }

  #grow(): void {
    const [feature, value] = [this.#feature, this.#value];
    this.#feature = new Uint32Array(2 * feature.length);
    this.#value = new Float32Array(2 * value.length);
    this.#feature.set(feature);
    this.#value.set(value);
  }
}
