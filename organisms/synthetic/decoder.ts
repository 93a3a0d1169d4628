// Rows from their true features: x = Eᵀ a + b, summed in float64 in order of features, four at a time, and rounded once.
import type { Matrix } from '../../core/tensor/matrix.js';
import type { TrueFirings } from './source.js';

export class Decoder {
  readonly #directions: Matrix;
  readonly #bias: Float32Array;
  readonly #sum: Float64Array;

  /** @param directions E [n, d] @param bias b [d] */
  constructor(directions: Matrix, bias: Float32Array) {
    this.#directions = directions;
    this.#bias = bias;
    this.#sum = new Float64Array(directions.columns);
  }

  /** x [rows, d]. */
  decode({ offsets, feature, value }: TrueFirings): Float32Array {
    const width = this.#directions.columns;
    const rows = new Float32Array((offsets.length - 1) * width);
    for (let row = 0; row < offsets.length - 1; row++) {
      this.#sum.set(this.#bias);
      let at = offsets[row] as number;
      const end = offsets[row + 1] as number;
      for (; at + 4 <= end; at += 4) this.#addFour(feature, value, at);
      for (; at < end; at++) this.#addOne(feature[at] as number, value[at] as number);
      rows.set(this.#sum, row * width);
    }
    return rows;
  }

  #addFour(feature: Uint32Array, value: Float32Array, at: number): void {
    const { data, columns } = this.#directions;
    const sum = this.#sum;
    const row = (i: number): Float32Array => {
      const start = (feature[at + i] as number) * columns;
      return data.subarray(start, start + columns);
    };
    const [e0, e1, e2, e3] = [row(0), row(1), row(2), row(3)];
    const [a0, a1] = [value[at] as number, value[at + 1] as number];
    const [a2, a3] = [value[at + 2] as number, value[at + 3] as number];
    for (let j = 0; j < sum.length; j++) {
      const first = a0 * (e0[j] as number) + a1 * (e1[j] as number);
      sum[j] = (sum[j] as number) + first + (a2 * (e2[j] as number) + a3 * (e3[j] as number));
    }
  }

  #addOne(feature: number, value: number): void {
    const { data, columns } = this.#directions;
    const sum = this.#sum;
    const start = feature * columns;
    for (let j = 0; j < columns; j++) sum[j] = (sum[j] as number) + value * (data[start + j] as number);
  }
}
