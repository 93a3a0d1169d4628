// No other way of giving each row a column of its own takes more: against all of them, ties included.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { assignRows } from '../../core/statistics/assignment.js';

/** The largest total over all injective assignments, by trying them. */
function bestTotal(data: Float64Array, rows: number, columns: number): number {
  const from = (row: number, taken: number): number => {
    if (row === rows) return 0;
    let best = -Infinity;
    for (let column = 0; column < columns; column++) {
      if ((taken >> column) & 1) continue;
      best = Math.max(best, (data[row * columns + column] as number) + from(row + 1, taken | (1 << column)));
    }
    return best;
  };
  return from(0, 0);
}

const problem = fc
  .record({ rows: fc.integer({ min: 1, max: 5 }), more: fc.integer({ min: 0, max: 3 }), few: fc.boolean() })
  .chain(({ rows, more, few }) =>
    fc.record({
      rows: fc.constant(rows),
      columns: fc.constant(rows + more),
      values: fc.array(few ? fc.integer({ min: 0, max: 2 }) : fc.double({ min: -3, max: 3, noNaN: true }), {
        minLength: rows * (rows + more),
        maxLength: rows * (rows + more),
      }),
    }),
  );

it('takes as much as the best of all assignments', () => {
  fc.assert(
    fc.property(problem, ({ rows, columns, values }) => {
      const data = Float64Array.from(values);
      const assigned = assignRows({ data, rows, columns });
      expect(new Set(assigned).size).toBe(rows);
      const total = assigned.reduce((sum, column, row) => sum + (data[row * columns + column] as number), 0);
      expect(total).toBeCloseTo(bestTotal(data, rows, columns), 9);
    }),
    { seed: 20_261_130, numRuns: 400 },
  );
});

it('more rows than columns, and values that are no numbers, are refused by name', () => {
  expect(() => assignRows({ data: new Float64Array(6), rows: 3, columns: 2 })).toThrow(/3 rows and 2 columns/);
  expect(() => assignRows({ data: Float64Array.of(0, 1, NaN, 2), rows: 2, columns: 2 })).toThrow(/row 1, column 0/);
});
