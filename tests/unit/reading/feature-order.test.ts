// Which features a list shows and in what order: of columns alone, also of a million features.
import { expect, it } from 'vitest';
import type { FeatureColumns } from '../../../reading/features/feature-columns.js';
import { f1, orderFeatures, type OrderRequest } from '../../../reading/features/feature-order.js';

const ROWS = 1000;
/** Features 0 … 5: dead, dense, one tenth exactly, rare, dead, as rare as feature 3. */
const COUNTS = [0, 101, 100, 5, 0, 5];
const columns: FeatureColumns = {
  feature: Uint32Array.from(COUNTS.keys()),
  n: Float64Array.from(COUNTS),
  density: Float64Array.from(COUNTS, (n) => n / ROWS),
  max: Float32Array.from(COUNTS, (n, i) => (n === 0 ? NaN : 10 - i)),
};

function ordered(request: Partial<OrderRequest>): number[] {
  const asked = { sort: 'density', dead: false, dense: false, rows: null, match: null, most: 99, ...request } as const;
  return [...orderFeatures(columns, asked).first];
}

it('features of equal density come by number, those that never fire last', () => {
  expect(ordered({})).toEqual([1, 2, 3, 5, 0, 4]);
  expect(ordered({ sort: 'max' })).toEqual([1, 2, 3, 5, 0, 4]);
  expect(ordered({ sort: 'feature' })).toEqual([0, 1, 2, 3, 4, 5]);
});

it('dead ones never fire; dense ones fire on more than a tenth of the rows', () => {
  expect(ordered({ dead: true })).toEqual([0, 4]);
  expect(ordered({ dense: true })).toEqual([1]);
});

it('what fits best comes first, of the rows that other filters leave', () => {
  const match = Float64Array.from([0, 0.1, 0.3, 0.2, 0, 0.2]);
  expect(ordered({ sort: 'match', match, rows: Uint32Array.from([1, 2, 3, 5]) })).toEqual([2, 3, 5, 1]);
  expect(ordered({ sort: 'n', match, rows: Uint32Array.from([3, 1]) })).toEqual([1, 3]);
});

it('no more than are wanted come first, and all that fit are counted', () => {
  const asked = { sort: 'density', dead: false, dense: false, rows: null, match: null } as const;
  for (let most = 0; most <= 7; most++)
    expect(orderFeatures(columns, { ...asked, most })).toEqual({
      matching: 6,
      first: Uint32Array.from([1, 2, 3, 5, 0, 4].slice(0, most)),
    });
});

it('F1 is 0 where both are 0, and the precision where recall is not known', () => {
  // 2 · 0.5 · 0.25 / 0.75
  expect(f1(0.5, 0.25)).toBeCloseTo(1 / 3, 12);
  expect(f1(0, 0)).toBe(0);
  expect(f1(0.4, null)).toBe(0.4);
});

it('a million features are sorted without an object of each', () => {
  const count = 2 ** 20;
  const n = Float64Array.from({ length: count }, (_, i) => (i * 7919) % 104729);
  const feature = Uint32Array.from({ length: count }, (_, i) => i);
  const large = { feature, n, density: n.map((x) => x / 1e6), max: new Float32Array(count) };
  const asked = { sort: 'n', dead: false, dense: false, rows: null, match: null, most: 15 } as const;
  const { matching, first } = orderFeatures(large, asked);
  expect(matching).toBe(count);
  // 2^20 = 10 · 104729 + 1286: the greatest value stands in 10 rows, the next in another 10.
  const rowsOf = (value: number): number[] => [...feature.filter((row) => n[row] === value)];
  expect([...first]).toEqual([...rowsOf(104728), ...rowsOf(104727)].slice(0, 15));
});
