// Decoder rows that say the same as an earlier row: features spent twice.
//
//   row j is a duplicate when cos(W_dec[j], W_dec[i]) ≥ threshold for some i < j       (signed: an opposite row says the opposite)
//   share = duplicates / F;  zero rows have no direction and count as none
//
// Products are taken block by block, F² d in all. Test: tests/golden/truth/measures.test.ts.
import { InputError } from '../../../schemas/errors.js';
import type { Matrix, Multiply } from '../../tensor/matrix.js';
import { unitRows } from './cosines.js';

export interface Duplicates {
  readonly threshold: number;
  /** The earlier row that each is most like where that is a duplicate, else −1 [F]. */
  readonly of: Int32Array;
  /** Largest cosine with an earlier row [F]; −∞ for the first. */
  readonly cosine: Float32Array;
  readonly count: number;
  readonly share: number;
}

export interface DuplicateOptions {
  readonly multiply: Multiply;
  readonly threshold?: number;
  /** Rows of a block; changes memory, no number. */
  readonly blockRows?: number;
}

/** Rows of W_dec [F, d] that repeat an earlier one. @throws InputError for a threshold that is not a cosine above 0 */
export async function findDuplicates(
  decoder: Matrix,
  { multiply, threshold = 0.9, blockRows = 2048 }: DuplicateOptions,
): Promise<Duplicates> {
  if (!(threshold > 0 && threshold <= 1))
    throw new InputError(`Expected a cosine above 0 and at most 1 as the threshold of duplicates, got ${threshold}.`, {
      threshold,
    });
  const unit = unitRows(decoder);
  const of = new Int32Array(unit.rows).fill(-1);
  const cosine = new Float32Array(unit.rows).fill(-Infinity);
  for (let later = 0; later < unit.rows; later += blockRows) {
    for (let earlier = 0; earlier <= later; earlier += blockRows) {
      const block = await multiply(blockOf(unit, later, blockRows), blockOf(unit, earlier, blockRows), 'b');
      noteLargest(block, { later, earlier, of, cosine });
    }
  }
  for (let j = 0; j < of.length; j++) if ((cosine[j] as number) < threshold) of[j] = -1;
  const count = of.reduce((sum, i) => sum + (i >= 0 ? 1 : 0), 0);
  return { threshold, of, cosine, count, share: unit.rows === 0 ? 0 : count / unit.rows };
}

function blockOf({ data, rows, columns }: Matrix, from: number, most: number): Matrix {
  const to = Math.min(rows, from + most);
  return { data: data.subarray(from * columns, to * columns), rows: to - from, columns };
}

function noteLargest(
  { data, rows, columns }: Matrix,
  { later, earlier, of, cosine }: { later: number; earlier: number; of: Int32Array; cosine: Float32Array },
): void {
  for (let r = 0; r < rows; r++) {
    const j = later + r;
    for (let c = 0; c < columns && earlier + c < j; c++) {
      const value = data[r * columns + c] as number;
      if (value <= (cosine[j] as number)) continue;
      cosine[j] = value;
      of[j] = earlier + c;
    }
  }
}
