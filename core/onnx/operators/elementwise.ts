// Operators that work element by element on broadcast inputs. Small integer tensors carry their contents through the
// arithmetic that exporters use for shapes.
import { dataTypeName } from '../data-type.js';
import type { Dim } from '../shape.js';
import { addDims, divideDims, multiplyDims, subtractDims } from '../symbolic.js';
import type { DataTypeName } from '../data-type.js';
import type { OperatorCall, OperatorRow } from './operator.js';
import {
  ANY,
  BOOL,
  elementValues,
  FLOAT,
  inferBroadcast,
  input,
  like,
  NUMERIC,
  optional,
  row,
  sameType,
  SIGNED,
  unary,
  withValues,
} from './row.js';

export const ELEMENTWISE = {
  Abs: folding(SIGNED, (a) => (typeof a === 'number' ? Math.abs(a) : null)),
  Add: binary(NUMERIC, addDims),
  Cast: row({
    inputs: 1,
    attributes: { to: 'int', saturate: 'int', round_mode: 'string' },
    infer: (call) => [cast(call, castTarget(call))],
  }),
  CastLike: row({
    inputs: 2,
    attributes: { saturate: 'int', round_mode: 'string' },
    infer: (call) => [cast(call, input(call, 1).dtype)],
  }),
  Ceil: unary(FLOAT),
  Clip: row({ inputs: [1, 3], attributes: { min: 'float', max: 'float' }, infer: clip }),
  Cos: unary(FLOAT),
  Cosh: unary(FLOAT),
  Div: binary(NUMERIC, divide),
  Erf: unary(NUMERIC),
  Exp: unary(FLOAT),
  Floor: unary(FLOAT),
  Identity: folding(ANY, (a) => a),
  Log: unary(FLOAT),
  Max: variadic((...all) => extreme(all, Math.max)),
  Mean: row({ inputs: [1, Infinity], infer: (call) => [inferBroadcast(call, FLOAT)] }),
  Min: variadic((...all) => extreme(all, Math.min)),
  Mod: row({
    inputs: 2,
    attributes: { fmod: 'int' },
    infer: (call) => [withValues(inferBroadcast(call, NUMERIC), integerValues(call, modulo))],
  }),
  Mul: binary(NUMERIC, multiplyDims),
  Neg: folding(SIGNED, (a) => subtractDims(0, a)),
  Pow: row({ inputs: 2, infer: power }),
  Reciprocal: unary(FLOAT),
  Round: unary(FLOAT),
  Sign: unary(NUMERIC),
  Sin: unary(FLOAT),
  Sinh: unary(FLOAT),
  Sqrt: unary(FLOAT),
  Sub: binary(NUMERIC, subtractDims),
  Sum: row({ inputs: [1, Infinity], infer: (call) => [inferBroadcast(call, FLOAT)] }),
  Tan: unary(FLOAT),
  Where: row({ inputs: 3, infer: where }),
} satisfies Record<string, OperatorRow>;

const INTEGERS = new Set<DataTypeName>(['int64', 'int32', 'bool']);

function folding(dtypes: readonly DataTypeName[], of: (a: Dim) => Dim | null): OperatorRow {
  return row({
    inputs: 1,
    infer: (call) => {
      const x = input(call, 0, dtypes);
      return [withValues(like(x), integerValues(call, of))];
    },
  });
}

function binary(dtypes: readonly DataTypeName[], of: (a: Dim, b: Dim) => Dim | null): OperatorRow {
  return row({
    inputs: 2,
    infer: (call) => [withValues(inferBroadcast(call, dtypes), integerValues(call, of))],
  });
}

function variadic(of: (...all: Dim[]) => Dim | null): OperatorRow {
  return row({
    inputs: [1, Infinity],
    infer: (call) => [withValues(inferBroadcast(call, NUMERIC), integerValues(call, of))],
  });
}

/** Contents of an elementwise result where the first input is of integers. */
function integerValues(call: OperatorCall, of: (...all: Dim[]) => Dim | null): Dim[] | null {
  return INTEGERS.has(call.inputs[0]?.dtype ?? 'float32') ? elementValues(call, of) : null;
}

/** Integer division truncates towards zero. */
function divide(a: Dim, b: Dim): Dim | null {
  if (typeof a === 'number' && typeof b === 'number') return b === 0 ? null : Math.trunc(a / b);
  return divideDims(a, b);
}

function modulo(a: Dim, b: Dim): Dim | null {
  if (b === 0) return null;
  if (typeof a === 'number' && typeof b === 'number') return ((a % b) + b) % b;
  return divideDims(a, b) === null ? null : 0;
}

function extreme(all: readonly Dim[], pick: (...all: number[]) => number): Dim | null {
  if (all.every((dim) => typeof dim === 'number')) return pick(...all);
  const [first] = all;
  return first !== undefined && all.every((dim) => dim === first) ? first : null;
}

function castTarget(call: OperatorCall): DataTypeName {
  const to = call.attributes.int('to', 0);
  return dataTypeName(to) ?? call.fail('an attribute "to" with a known element type', String(to));
}

function cast(call: OperatorCall, dtype: DataTypeName) {
  const x = input(call, 0);
  const type = { dtype, shape: x.shape };
  if (!INTEGERS.has(dtype)) return type;
  const of = (a: Dim): Dim | null => {
    if (dtype !== 'bool' || x.dtype === 'bool') return a;
    return typeof a === 'number' ? Number(a !== 0) : null;
  };
  return withValues(type, x.values?.map(of));
}

function clip(call: OperatorCall) {
  const x = input(call, 0, NUMERIC);
  sameType(call, [0, 1, 2]);
  for (const bound of [optional(call, 1), optional(call, 2)]) {
    if (bound?.shape && bound.shape.length > 0)
      call.fail('scalar bounds', `"${bound.name}" of shape [${bound.shape.join(', ')}]`);
  }
  return [like(x)];
}

function power(call: OperatorCall) {
  const { dtype } = input(call, 0, NUMERIC);
  input(call, 1, NUMERIC);
  return [inferBroadcast(call, NUMERIC, dtype)];
}

function where(call: OperatorCall) {
  input(call, 0, BOOL);
  const dtype = sameType(call, [1, 2]);
  const values = elementValues(call, (condition, a = 0, b = 0) => {
    if (condition === 1 || a === b) return a;
    return condition === 0 ? b : null;
  });
  return [withValues(inferBroadcast(call, ANY, dtype), values)];
}
