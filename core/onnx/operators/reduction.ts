// Reductions over axes. Axes are an attribute in older opsets and an input in newer ones; both are read in every opset.
import { productOf } from '../symbolic.js';
import type { DataTypeName } from '../data-type.js';
import type { Dim } from '../shape.js';
import type { OperatorCall, OperatorRow } from './operator.js';
import {
  FLOAT,
  integersFrom,
  input,
  lengthOf,
  normaliseAxis,
  NUMERIC,
  row,
  unknownShape,
  withAxis,
  withValues,
  type Shape,
} from './row.js';

export const REDUCTION = {
  ArgMax: arg(),
  ArgMin: arg(),
  CumSum: row({
    inputs: 2,
    attributes: { exclusive: 'int', reverse: 'int' },
    infer: (call) => {
      const x = input(call, 0, NUMERIC);
      input(call, 1, ['int64', 'int32']);
      return [{ dtype: x.dtype, shape: x.shape }];
    },
  }),
  ReduceL1: reduce(NUMERIC),
  ReduceL2: reduce(NUMERIC),
  ReduceLogSumExp: reduce(FLOAT),
  ReduceMax: reduce([...NUMERIC, 'bool']),
  ReduceMean: reduce(NUMERIC),
  ReduceMin: reduce([...NUMERIC, 'bool']),
  ReduceProd: reduce(NUMERIC, productOf),
  ReduceSum: reduce(NUMERIC),
  ReduceSumSquare: reduce(NUMERIC),
} satisfies Record<string, OperatorRow>;

function reduce(dtypes: readonly DataTypeName[], of?: (values: readonly Dim[]) => Dim | null): OperatorRow {
  return row({
    inputs: [1, 2],
    attributes: { axes: 'ints', keepdims: 'int', noop_with_empty_axes: 'int' },
    infer: (call) => {
      const x = input(call, 0, dtypes);
      const shape = reducedShape(call, x.shape);
      const type = { dtype: x.dtype, shape };
      const whole = shape !== null && productOf(shape) === 1;
      return [whole && of && x.values ? withValues(type, [of(x.values)]) : type];
    },
  });
}

/** Shape left over: the axes become 1, or go. */
function reducedShape(call: OperatorCall, shape: Shape): Shape {
  if (shape === null) return null;
  const keep = call.attributes.int('keepdims', 1) === 1;
  const given = integersFrom(call, 'axes', 1);
  if (given === 'unknown') {
    const axes = lengthOf(call, call.inputs[1] ?? null);
    return unknownShape(call, keep ? shape.length : axes === null ? null : shape.length - axes);
  }
  const none = given === 'absent' || given.length === 0;
  if (none && call.attributes.int('noop_with_empty_axes', 0) === 1) return shape;
  const axes = none ? new Set(shape.keys()) : new Set(given.map((axis) => normaliseAxis(call, axis, shape.length)));
  return keep ? shape.map((dim, i) => (axes.has(i) ? 1 : dim)) : shape.filter((_, i) => !axes.has(i));
}

function arg(): OperatorRow {
  return row({
    inputs: 1,
    attributes: { axis: 'int', keepdims: 'int', select_last_index: 'int' },
    infer: (call) => {
      const { shape } = input(call, 0, NUMERIC);
      if (shape === null) return [{ dtype: 'int64', shape }];
      const axis = normaliseAxis(call, call.attributes.int('axis', 0), shape.length);
      const keep = call.attributes.int('keepdims', 1) === 1;
      return [
        {
          dtype: 'int64',
          shape: keep ? withAxis(shape, axis, 1) : shape.filter((_, i) => i !== axis),
        },
      ];
    },
  });
}
