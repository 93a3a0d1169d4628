// Matrices in row-major float32, and the product of two as a function that callers are given: who has a runtime passes its own.
import { InputError } from '../../schemas/errors.js';

export interface Matrix {
  readonly data: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/** a bᵀ (`b` transposed) or aᵀ b (`a` transposed). */
export type Multiply = (a: Matrix, b: Matrix, transposed: 'a' | 'b') => Promise<Matrix>;

/** Sizes of a product. @throws InputError where the matrices do not fit each other */
export function productSizes(
  a: Matrix,
  b: Matrix,
  transposed: 'a' | 'b',
): { readonly rows: number; readonly inner: number; readonly columns: number } {
  const [inner, other] = transposed === 'a' ? [a.rows, b.rows] : [a.columns, b.columns];
  if (inner !== other) {
    const text = `Expected matrices that fit, got [${a.rows}, ${a.columns}] and [${b.rows}, ${b.columns}] with ${transposed} transposed.`;
    throw new InputError(text, { inner, other });
  }
  return transposed === 'a' ? { rows: a.columns, inner, columns: b.columns } : { rows: a.rows, inner, columns: b.rows };
}

/** The product in plain code, summed in float64: for small sizes and as the measure of others. */
export const multiplyPlainly: Multiply = (a, b, transposed) => {
  const { rows, inner, columns } = productSizes(a, b, transposed);
  const data = new Float32Array(rows * columns);
  const [stepRow, stepInner] = transposed === 'a' ? [1, a.columns] : [a.columns, 1];
  const [stepColumn, stepOther] = transposed === 'a' ? [1, b.columns] : [b.columns, 1];
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let k = 0; k < inner; k++)
        sum += (a.data[i * stepRow + k * stepInner] as number) * (b.data[j * stepColumn + k * stepOther] as number);
      data[i * columns + j] = sum;
    }
  }
  return Promise.resolve({ data, rows, columns });
};
