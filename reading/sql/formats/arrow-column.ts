// What a column of an answer is in Arrow: its type, and the buffers for a run of its values with their validity.
import type { DuckDBValue } from '@duckdb/node-api';
import type { Data, DataType } from 'apache-arrow';

export interface ArrowColumn {
  readonly type: DataType;
  /** The values 0 … count − 1 of a run. */
  data(count: number, get: (row: number) => DuckDBValue): Data;
}

export type Get = (row: number) => DuckDBValue;

export function validityOf(count: number, get: Get): { readonly nullCount: number; readonly nullBitmap: Uint8Array } {
  let nullCount = 0;
  const nullBitmap = bitsOf(count, (row) => {
    const known = get(row) !== null;
    if (!known) nullCount++;
    return known;
  });
  return { nullCount, nullBitmap };
}

/** Padded, as the library's own bitmaps are. */
export function bitsOf(count: number, isOne: (row: number) => boolean): Uint8Array {
  const bits = new Uint8Array(Math.ceil(count / 64) * 8);
  for (let row = 0; row < count; row++) if (isOne(row)) bits[row >> 3] = (bits[row >> 3] ?? 0) | (1 << (row & 7));
  return bits;
}

export function isSet(bits: Uint8Array, row: number): boolean {
  return ((bits[row >> 3] ?? 0) & (1 << (row & 7))) !== 0;
}
