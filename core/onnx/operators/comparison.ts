// Comparisons and logic: outputs of type bool. Contents 0 and 1 are followed where exporters compute shapes with them.
import { isNonNegative, subtractDims } from '../symbolic.js';
import type { DataTypeName } from '../data-type.js';
import type { Dim } from '../shape.js';
import type { OperatorRow } from './operator.js';
import { ANY, BOOL, elementValues, FLOAT, inferBroadcast, input, NUMERIC, row, sameType, withValues } from './row.js';

export const COMPARISON = {
  And: logic((a, b) => a * b),
  Equal: compare(ANY, (a, b) => Number(a === b)),
  Greater: compare(NUMERIC, (a, b) => Number(a > b)),
  GreaterOrEqual: compare(NUMERIC, (a, b) => Number(a >= b)),
  IsInf: row({
    inputs: 1,
    attributes: { detect_negative: 'int', detect_positive: 'int' },
    infer: (call) => [{ dtype: 'bool', shape: input(call, 0, FLOAT).shape }],
  }),
  IsNaN: row({
    inputs: 1,
    infer: (call) => [{ dtype: 'bool', shape: input(call, 0, FLOAT).shape }],
  }),
  Less: compare(NUMERIC, (a, b) => Number(a < b)),
  LessOrEqual: compare(NUMERIC, (a, b) => Number(a <= b)),
  Not: row({
    inputs: 1,
    infer: (call) => {
      const x = input(call, 0, BOOL);
      const values = elementValues(call, (a) => (typeof a === 'number' ? 1 - a : null));
      return [withValues({ dtype: 'bool', shape: x.shape }, values)];
    },
  }),
  Or: logic((a, b) => Math.max(a, b)),
  Xor: logic((a, b) => Number(a !== b)),
} satisfies Record<string, OperatorRow>;

function compare(dtypes: readonly DataTypeName[], of: (a: number, b: number) => number): OperatorRow {
  return row({
    inputs: 2,
    infer: (call) => {
      sameType(call, [0, 1]);
      const type = inferBroadcast(call, dtypes, 'bool');
      return [
        withValues(
          type,
          elementValues(call, (a, b) => decide(a, b, of)),
        ),
      ];
    },
  });
}

function logic(of: (a: number, b: number) => number): OperatorRow {
  return row({
    inputs: 2,
    infer: (call) => {
      const type = inferBroadcast(call, BOOL, 'bool');
      const known = (a: Dim, b: Dim | undefined): Dim | null =>
        typeof a === 'number' && typeof b === 'number' ? of(a, b) : null;
      return [withValues(type, elementValues(call, known))];
    },
  });
}

/** The answer where it does not depend on the names: their difference is a number, or a size meets a negative number. */
function decide(a: Dim, b: Dim | undefined, of: (a: number, b: number) => number): Dim | null {
  if (b === undefined) return null;
  if (typeof a === 'number' && typeof b === 'number') return of(a, b);
  const gap = subtractDims(a, b);
  if (typeof gap === 'number') return of(gap, 0);
  if (typeof b === 'number' && b < 0 && isNonNegative(a)) return of(0, b);
  return typeof a === 'number' && a < 0 && isNonNegative(b) ? of(a, 0) : null;
}
