// Operators that pick and place elements by indices.
import { unifyDims } from '../broadcast.js';
import type { Dim, TensorType } from '../shape.js';
import type { OperatorCall, OperatorRow } from './operator.js';
import {
  ANY,
  INDEX,
  input,
  knownIntegers,
  like,
  normaliseAxis,
  NUMERIC,
  row,
  sameType,
  unknownShape,
  withAxis,
  withValues,
} from './row.js';

export const INDEXING = {
  Gather: row({ inputs: 2, attributes: { axis: 'int' }, infer: gather }),
  GatherElements: row({ inputs: 2, attributes: { axis: 'int' }, infer: gatherElements }),
  GatherND: row({ inputs: 2, attributes: { batch_dims: 'int' }, infer: gatherND }),
  NonZero: row({
    inputs: 1,
    infer: (call) => {
      const { shape } = input(call, 0, ANY);
      const rank = shape?.length ?? call.unknownDim();
      return [{ dtype: 'int64', shape: [rank, call.unknownDim()] }];
    },
  }),
  OneHot: row({ inputs: 3, attributes: { axis: 'int' }, infer: oneHot }),
  ScatterElements: row({
    inputs: 3,
    attributes: { axis: 'int', reduction: 'string' },
    infer: scatterElements,
  }),
  ScatterND: row({ inputs: 3, attributes: { reduction: 'string' }, infer: scatterND }),
  TopK: row({
    inputs: [1, 2],
    outputs: 2,
    attributes: { axis: 'int', largest: 'int', sorted: 'int', k: 'int' },
    infer: topK,
  }),
} satisfies Record<string, OperatorRow>;

/** Axes of the data with one replaced by all axes of the indices. */
function gather(call: OperatorCall): TensorType[] {
  const [data, index] = [input(call, 0), input(call, 1, INDEX)];
  const { dtype } = data;
  if (data.shape === null || index.shape === null) return [{ dtype, shape: null }];
  const axis = normaliseAxis(call, call.attributes.int('axis', 0), data.shape.length);
  const shape = [...data.shape.slice(0, axis), ...index.shape, ...data.shape.slice(axis + 1)];
  const picks = knownIntegers(call, index);
  const { values } = data;
  const picked = values && picks?.map((i) => values[i < 0 ? i + values.length : i] ?? null);
  return [withValues({ dtype, shape }, picked)];
}

function gatherElements(call: OperatorCall): TensorType[] {
  const [data, index] = [input(call, 0), input(call, 1, INDEX)];
  sameRank(call, data.shape?.length, index.shape?.length);
  return [{ dtype: data.dtype, shape: index.shape ?? unknownShape(call, data.shape?.length ?? null) }];
}

/** indices [batch…, n…, q] over data [batch…, (q axes), rest…] give [batch…, n…, rest…]. */
function gatherND(call: OperatorCall): TensorType[] {
  const [data, index] = [input(call, 0), input(call, 1, ['int64'])];
  const { dtype } = data;
  const depth = index.shape && call.sizeOf(index.shape.at(-1) ?? 1);
  if (data.shape === null || index.shape === null || depth === null) return [{ dtype, shape: null }];
  const start = call.attributes.int('batch_dims', 0) + depth;
  if (start > data.shape.length) call.fail(`index vectors of at most ${data.shape.length} numbers`, String(depth));
  return [{ dtype, shape: [...index.shape.slice(0, -1), ...data.shape.slice(start)] }];
}

function oneHot(call: OperatorCall): TensorType[] {
  const [index, depth, pair] = [input(call, 0, NUMERIC), input(call, 1, NUMERIC), input(call, 2)];
  const { dtype } = pair;
  if (index.shape === null) return [{ dtype, shape: null }];
  const axis = normaliseAxis(call, call.attributes.int('axis', -1), index.shape.length + 1);
  const size: Dim = depth.values?.[0] ?? call.unknownDim();
  return [{ dtype, shape: [...index.shape.slice(0, axis), size, ...index.shape.slice(axis)] }];
}

function scatterElements(call: OperatorCall): TensorType[] {
  const [data, index] = [input(call, 0), input(call, 1, INDEX)];
  const updates = input(call, 2);
  sameType(call, [0, 2]);
  sameRank(call, data.shape?.length, index.shape?.length);
  sameRank(call, index.shape?.length, updates.shape?.length);
  index.shape?.forEach((dim, axis) => unifyDims(dim, updates.shape?.[axis] ?? dim, call));
  return [like(data)];
}

function scatterND(call: OperatorCall): TensorType[] {
  const [data, index] = [input(call, 0), input(call, 1, ['int64'])];
  const updates = input(call, 2);
  sameType(call, [0, 2]);
  const depth = index.shape && call.sizeOf(index.shape.at(-1) ?? 1);
  if (data.shape && index.shape && depth !== null) {
    const expected = [...index.shape.slice(0, -1), ...data.shape.slice(depth)];
    sameRank(call, expected.length, updates.shape?.length);
    expected.forEach((dim, axis) => unifyDims(dim, updates.shape?.[axis] ?? dim, call));
  }
  return [like(data)];
}

function topK(call: OperatorCall): TensorType[] {
  const { dtype, shape } = input(call, 0, NUMERIC);
  if (!call.attributes.has('k')) input(call, 1, ['int64']);
  if (shape === null)
    return [
      { dtype, shape },
      { dtype: 'int64', shape },
    ];
  const axis = normaliseAxis(call, call.attributes.int('axis', -1), shape.length);
  const given = call.attributes.has('k') ? call.attributes.int('k', 0) : call.inputs[1]?.values?.[0];
  const k = given ?? call.unknownDim();
  const [wanted, size] = [call.sizeOf(k), call.sizeOf(shape[axis] ?? 1)];
  if (wanted !== null && size !== null && wanted > size) call.fail(`k of at most ${size}`, String(wanted));
  const cut = withAxis(shape, axis, k);
  return [
    { dtype, shape: cut },
    { dtype: 'int64', shape: cut },
  ];
}

function sameRank(call: OperatorCall, a: number | undefined, b: number | undefined): void {
  if (a !== undefined && b !== undefined && a !== b) call.fail('equal numbers of axes', `${a} and ${b}`);
}
