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
  /** Rows that another filter leaves; null: all. */
  readonly rows: Uint32Array | null;
  /** By row: how well each fits what was asked; for sort `match`. */
  readonly match: Float64Array | null;
}

/** The rows of the columns that fit, best first. */
export function orderFeatures(columns: FeatureColumns, request: OrderRequest): Uint32Array {
  const { dead, dense, rows, sort } = request;
  const all = rows ?? Uint32Array.from(columns.feature.keys());
  const kept = all.filter(
    (row) => (!dead || columns.n[row] === 0) && (!dense || (columns.density[row] as number) > DENSE),
  );
  if (sort === 'feature') return kept.sort();
  const key = keysOf(columns, request);
  const valueOf = (row: number): number => {
    const value = key[row] as number;
    return Number.isNaN(value) ? -Infinity : value;
  };
  return kept.sort((a, b) => compare(valueOf(b), valueOf(a)) || a - b);
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
