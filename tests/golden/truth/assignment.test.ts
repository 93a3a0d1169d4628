// The assignment that scipy.optimize.linear_sum_assignment finds is not unique where values tie; its total is.
import { expect, it } from 'vitest';
import { assignRows } from '../../../core/statistics/assignment.js';
import { golden } from './golden.js';

it.each(golden.assignment)(
  '$rows × $columns, $kind: the total is that of scipy',
  ({ rows, columns, values, total }) => {
    const data = Float32Array.from(values);
    const assigned = assignRows({ data, rows, columns });
    expect(new Set(assigned).size).toBe(rows);
    const sum = assigned.reduce((s, column, row) => s + (data[row * columns + column] as number), 0);
    expect(sum).toBeCloseTo(total, 10);
  },
);
