// Squared distances of rows from a mean, in float64: summed about zero, the variance of rows with a large mean drowns in it.
import { gatherRows } from '../../core/dictionaries/gather.js';

/** Rows that are looked at together. */
const BATCH_ROWS = 1024;

export interface SpreadRows {
  /** [rows, width] of each site written. */
  readonly act: readonly (Uint16Array | Float32Array)[];
  readonly widths: readonly number[];
  /** Rows in the order of the result. */
  readonly order: Uint32Array;
}

/** ‖x − c‖² of each row. @param centre c of the sites written, one after the other */
export function squaresAbout(centre: Float64Array, { act, widths, order }: SpreadRows): Float64Array {
  const squares = new Float64Array(order.length);
  let from = 0;
  act.forEach((values, site) => {
    const width = widths[site] ?? 0;
    const own = centre.subarray(from, from + width);
    const x = new Float32Array(BATCH_ROWS * width);
    for (let start = 0; start < order.length; start += BATCH_ROWS) {
      const rows = order.subarray(start, start + BATCH_ROWS);
      gatherRows(values, x.subarray(0, rows.length * width), { rows, width, scale: 1 });
      for (let i = 0; i < rows.length; i++) {
        let sum = 0;
        for (let j = 0; j < width; j++) sum += ((x[i * width + j] as number) - (own[j] as number)) ** 2;
        squares[start + i] = (squares[start + i] as number) + sum;
      }
    }
    from += width;
  });
  return squares;
}
