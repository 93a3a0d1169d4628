// Cosines of the rows of two matrices, from products of unit rows. Takes the product as a function: who has a runtime passes its own.
//
//   C[i, j] = a_i·b_j / (‖a_i‖ ‖b_j‖)      0 where a row is zero: it points nowhere
import type { Matrix, Multiply } from '../../tensor/matrix.js';

/** C [rows of a, rows of b]. */
export async function computeCosines(a: Matrix, b: Matrix, multiply: Multiply): Promise<Matrix> {
  return multiply(unitRows(a), unitRows(b), 'b');
}

/** Rows scaled to unit norm; zero rows stay zero. */
export function unitRows({ data, rows, columns }: Matrix): Matrix {
  const unit = new Float32Array(data.length);
  for (let from = 0; from < data.length; from += columns) {
    let square = 0;
    for (let at = from; at < from + columns; at++) square += (data[at] as number) ** 2;
    const factor = square === 0 ? 0 : 1 / Math.sqrt(square);
    for (let at = from; at < from + columns; at++) unit[at] = (data[at] as number) * factor;
  }
  return { data: unit, rows, columns };
}

/** |C| in place. */
export function absolute({ data, rows, columns }: Matrix): Matrix {
  for (let i = 0; i < data.length; i++) data[i] = Math.abs(data[i] as number);
  return { data, rows, columns };
}

export function transpose({ data, rows, columns }: Matrix): Matrix {
  const turned = new Float32Array(data.length);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) turned[j * rows + i] = data[i * columns + j] as number;
  return { data: turned, rows: columns, columns: rows };
}
