// Which features a list shows, and in what order: filters and keys over columns. Pure; makes no object of a feature.
import type { FeatureColumns } from './feature-columns.js';

/** What a list can be sorted by: `feature` ascending, all others descending. Equal ones by feature. */
export const SORTS = ['density', 'max', 'n', 'feature', 'match'] as const;
export type Sort = (typeof SORTS)[number];

/** Share of the stored rows above which a feature is dense. */
export const DENSE = 0.1;

export interface OrderRequest {
  readonly sort: Sort;
  readonly dead: boolean;
  readonly dense: boolean;
  /** Rows that another filter leaves, ascending; null: all. */
  readonly rows: Uint32Array | null;
  /** By row: how well each fits what was asked; for sort `match`. */
  readonly match: Float64Array | null;
  /** How many of the first are wanted. */
  readonly most: number;
}

export interface FeatureOrder {
  /** Rows that fit. */
  readonly matching: number;
  /** The first of them, best first. */
  readonly first: Uint32Array;
}

/** The rows of the columns that fit. */
export function orderFeatures(columns: FeatureColumns, request: OrderRequest): FeatureOrder {
  const { dead, dense, rows, sort, most } = request;
  const all = rows ?? Uint32Array.from(columns.feature.keys());
  const kept = all.filter(
    (row) => (!dead || columns.n[row] === 0) && (!dense || (columns.density[row] as number) > DENSE),
  );
  const matching = kept.length;
  if (sort === 'feature') return { matching, first: kept.slice(0, most) };
  const key = keysOf(columns, request);
  const values = Float64Array.from(kept, (row) => {
    const value = key[row] as number;
    return Number.isNaN(value) ? -Infinity : value;
  });
  return { matching, first: greatest(kept, values, most) };
}

/**
 * The rows of the `most` greatest values, greatest first, of equals the first row. Sorts numbers alone, which is fast, and of the rows
 * only those that are shown.
 */
function greatest(rows: Uint32Array, values: Float64Array, most: number): Uint32Array {
  const bound = values.length <= most ? -Infinity : (values.toSorted()[values.length - most] as number);
  const above = Uint32Array.from(rows.keys()).filter((i) => (values[i] as number) > bound);
  const equal = Uint32Array.from(rows.keys()).filter((i) => values[i] === bound);
  const places = [...above, ...equal.subarray(0, Math.max(0, most - above.length))];
  places.sort((a, b) => compare(values[b] as number, values[a] as number) || a - b);
  return Uint32Array.from(places, (i) => rows[i] as number);
}

function keysOf(columns: FeatureColumns, { sort, match }: OrderRequest): Float64Array | Float32Array {
  switch (sort) {
    case 'max':
      return columns.max;
    case 'n':
      return columns.n;
    case 'match':
      return match ?? columns.density;
    default:
      return columns.density;
  }
}

function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** 2 · precision · recall / (precision + recall); 0 where both are. Without recall the precision. */
export function f1(precision: number, recall: number | null): number {
  if (recall === null) return precision;
  return precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall);
}
