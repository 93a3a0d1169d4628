// Draws rows on which a feature does not fire, exactly and without looking at all rows. Pure.
//
//   π_f    a keyed permutation of the N stored rows, ('quiet', f) (core/tensor/feistel.ts); the rows come in the order π_f(0), π_f(1), …
//   draw   the first QUIET of them on which f does not fire, at most one per context
// That is the draw by smallest hash of (feature, row) with π_f⁻¹(row) as hash: a bijection, so there are no ties, and its
// smallest values can be listed one by one. It depends on N and on the set of firings alone, not on how rows are divided into shards
// or files. Expected cost: QUIET · N / (N − n) steps. Fewer than QUIET only where fewer contexts have such a row.
import { feistelPermutation } from '../../core/tensor/feistel.js';
import type { RowPlace } from './row-places.js';

export const QUIET = 20;
/** Rows that the permutation can order. */
export const MOST_ROWS = 2 ** 30;

export interface StoredRows {
  readonly rows: number;
  at(row: number): RowPlace;
}

/** The drawn rows of a feature, in the order of the draw. @param fired Numbers of the rows on which it fires, ascending */
export function drawQuiet(feature: number, fired: Uint32Array, stored: StoredRows): RowPlace[] {
  const { rows } = stored;
  if (fired.length >= rows || rows > MOST_ROWS) return [];
  const permute = feistelPermutation(rows, 'quiet', feature);
  const drawn: RowPlace[] = [];
  const contexts = new Set<number>();
  for (let k = 0; k < rows && drawn.length < QUIET; k++) {
    const row = permute(k);
    if (includes(fired, row)) continue;
    const place = stored.at(row);
    if (contexts.has(place.context)) continue;
    contexts.add(place.context);
    drawn.push(place);
  }
  return drawn;
}

/** Whether an ascending list has a value. */
function includes(sorted: Uint32Array, value: number): boolean {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === value;
}
