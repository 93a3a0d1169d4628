// The numbers of make_truth.py, typed.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Matrix } from '../../../core/tensor/matrix.js';
import type { RowSets } from '../../../core/dictionaries/truth/firing-scores.js';

interface Golden {
  readonly normal: Record<'x' | 'cdf' | 'p' | 'quantile', readonly number[]>;
  readonly assignment: readonly {
    readonly rows: number;
    readonly columns: number;
    readonly kind: string;
    readonly values: readonly number[];
    readonly total: number;
  }[];
  readonly measures: Record<'decoder' | 'directions' | 'active' | 'fired', readonly (readonly number[])[]> &
    Record<'best' | 'assigned', readonly number[]> &
    Record<
      'mcc' | 'mccSwapped' | 'uniqueness' | 'precision' | 'recall' | 'f1' | 'f1Assigned' | 'assignedTotal' | 'shared',
      number
    >;
  readonly explained: Record<'x' | 'xHat', readonly (readonly number[])[]> & Record<'ev' | 'saeLens', number>;
  readonly duplicates: {
    readonly decoder: readonly (readonly number[])[];
    readonly largest: readonly number[];
    readonly threshold: number;
    readonly rows: readonly number[];
  };
}

export const golden = JSON.parse(readFileSync(fileURLToPath(new URL('truth.json', import.meta.url)), 'utf8')) as Golden;

export function matrixOf(rows: readonly (readonly number[])[]): Matrix {
  return { data: Float32Array.from(rows.flat()), rows: rows.length, columns: rows[0]?.length ?? 0 };
}

export function setsOf(rows: readonly (readonly number[])[]): RowSets {
  const offsets = new Uint32Array(rows.length + 1);
  rows.forEach((row, i) => {
    offsets[i + 1] = (offsets[i] as number) + row.length;
  });
  return { offsets, feature: Uint32Array.from(rows.flat()) };
}
