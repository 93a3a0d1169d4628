// Operators that move, cut and join elements without computing. Shapes given as tensors are followed by their contents, so
// that Shape → Gather → Concat → Reshape chains keep the names of axes.
import { broadcastShapes, unifyDims } from '../broadcast.js';
import { FOLLOWED_VALUES } from '../constant-type.js';
import type { Dim, TensorType, Value } from '../shape.js';
import { addDims, multiplyDims, productOf } from '../symbolic.js';
import type { OperatorCall, OperatorRow } from './operator.js';
import { reshapeTo } from './reshape.js';
import {
  ANY,
  INDEX,
  indices,
  input,
  integersFrom,
  knownIntegers,
  lengthOf,
  like,
  normaliseAxis,
  row,
  sameType,
  unknownShape,
  withAxis,
  withValues,
  type Shape,
} from './row.js';
import { slice } from './slice.js';

export const LAYOUT = {
  Concat: row({ inputs: [1, Infinity], attributes: { axis: 'int' }, infer: concat }),
  Expand: row({ inputs: 2, infer: expand }),
  Flatten: row({ inputs: 1, attributes: { axis: 'int' }, infer: flatten }),
  Pad: row({ inputs: [1, 4], attributes: { mode: 'string', pads: 'ints', value: 'float' }, infer: pad }),
  Reshape: row({ inputs: 2, attributes: { allowzero: 'int' }, infer: reshape }),
  Shape: row({ inputs: 1, attributes: { start: 'int', end: 'int' }, infer: shapeOf }),
  Size: row({ inputs: 1, infer: sizeOf }),
  Slice: row({ inputs: [1, 5], attributes: { starts: 'ints', ends: 'ints', axes: 'ints' }, infer: slice }),
  Split: row({
    inputs: [1, 2],
    outputs: [1, Infinity],
    attributes: { axis: 'int', num_outputs: 'int', split: 'ints' },
    infer: split,
  }),
  Squeeze: row({ inputs: [1, 2], attributes: { axes: 'ints' }, infer: squeeze }),
  Tile: row({ inputs: 2, infer: tile }),
  Transpose: row({ inputs: 1, attributes: { perm: 'ints' }, infer: transpose }),
  Trilu: row({ inputs: [1, 2], attributes: { upper: 'int' }, infer: (call) => [like(input(call, 0))] }),
  Unsqueeze: row({ inputs: [1, 2], attributes: { axes: 'ints' }, infer: unsqueeze }),
} satisfies Record<string, OperatorRow>;

function concat(call: OperatorCall): TensorType[] {
  const all = indices(call.inputs.length).map((index) => input(call, index));
  const dtype = sameType(call, [...all.keys()]);
  const known = all.flatMap((value) => (value.shape ? [value.shape] : []));
  const [first] = known;
  if (!first) return [{ dtype, shape: null }];
  const axis = normaliseAxis(call, call.attributes.int('axis', 1), first.length);
  let result: readonly Dim[] = first;
  let total: Dim | null = known.length < all.length ? null : (first[axis] ?? 0);
  for (const shape of known.slice(1)) {
    if (shape.length !== first.length)
      call.fail('inputs of equal rank', `[${first.join(', ')}] and [${shape.join(', ')}]`);
    result = result.map((dim, i) => (i === axis ? dim : unifyDims(dim, shape[i] ?? dim, call)));
    total = total === null ? null : addDims(total, shape[axis] ?? 0);
  }
  const type = { dtype, shape: withAxis(result, axis, total ?? call.unknownDim()) };
  const values = all.every((value) => value.values) && all.flatMap((value) => value.values ?? []);
  return [withValues(type, values || null)];
}

function expand(call: OperatorCall): TensorType[] {
  const x = input(call, 0);
  const target = input(call, 1, ['int64']);
  const rank = lengthOf(call, target);
  const wanted = target.values ?? unknownShape(call, rank);
  const shape = wanted && broadcastShapes([x.shape, wanted], call);
  return [withValues({ dtype: x.dtype, shape }, repeated(call, x, shape))];
}

/** Contents of one element repeated over a vector of known length. */
function repeated(call: OperatorCall, x: Value, shape: Shape): Dim[] | null {
  const [only] = x.values ?? [];
  const length = shape && call.sizeOf(productOf(shape) ?? '?');
  if (!x.values || only === undefined || length === null || length > FOLLOWED_VALUES) return null;
  return x.values.length === 1 ? indices(length).map(() => only) : [...x.values];
}

function flatten(call: OperatorCall): TensorType[] {
  const { dtype, shape } = input(call, 0);
  if (shape === null) return [{ dtype, shape: unknownShape(call, 2) }];
  const given = call.attributes.int('axis', 1);
  const axis = given < 0 ? given + shape.length : given;
  const part = (from: number, to?: number): Dim => productOf(shape.slice(from, to)) ?? call.unknownDim();
  return [{ dtype, shape: [part(0, axis), part(axis)] }];
}

function pad(call: OperatorCall): TensorType[] {
  const { dtype, shape } = input(call, 0);
  sameType(call, [0, 2]);
  if (shape === null) return [{ dtype, shape }];
  const pads = call.attributes.ints('pads') ?? call.inputs[1]?.values;
  const chosen = integersFrom(call, '', 3);
  if (!pads || chosen === 'unknown') return [{ dtype, shape: unknownShape(call, shape.length) }];
  const axes = chosen === 'absent' ? indices(shape.length) : chosen;
  if (pads.length !== 2 * axes.length) call.fail(`${2 * axes.length} pads, two per axis`, String(pads.length));
  const result = [...shape];
  axes.forEach((given, i) => {
    const axis = normaliseAxis(call, given, shape.length);
    const added = addDims(pads[i] ?? 0, pads[i + axes.length] ?? 0);
    const sum = added === null ? null : addDims(shape[axis] ?? 1, added);
    result[axis] = sum ?? call.unknownDim();
  });
  return [{ dtype, shape: result }];
}

function reshape(call: OperatorCall): TensorType[] {
  const x = input(call, 0);
  const target = input(call, 1, ['int64']);
  const shape = target.values ? reshapeTo(call, x.shape, target.values) : unknownShape(call, lengthOf(call, target));
  return [withValues({ dtype: x.dtype, shape }, x.values)];
}

function shapeOf(call: OperatorCall): TensorType[] {
  const { shape } = input(call, 0);
  if (shape === null) return [{ dtype: 'int64', shape: [call.unknownDim()] }];
  const end = call.attributes.has('end') ? call.attributes.int('end', 0) : undefined;
  const values = shape.slice(call.attributes.int('start', 0), end);
  return [withValues({ dtype: 'int64', shape: [values.length] }, values)];
}

function sizeOf(call: OperatorCall): TensorType[] {
  const { shape } = input(call, 0);
  return [withValues({ dtype: 'int64', shape: [] }, shape && [productOf(shape)])];
}

function split(call: OperatorCall): TensorType[] {
  const { dtype, shape, values } = input(call, 0);
  if (shape === null) return indices(call.outputs).map(() => ({ dtype, shape }));
  const axis = normaliseAxis(call, call.attributes.int('axis', 0), shape.length);
  const sizes = splitSizes(call, shape[axis] ?? 1);
  let start = 0;
  return sizes.map((size) => {
    const part = typeof size === 'number' ? values?.slice(start, (start += size)) : null;
    return withValues({ dtype, shape: withAxis(shape, axis, size) }, part);
  });
}

/** Sizes as given, or equal parts with a smaller last one. */
function splitSizes(call: OperatorCall, dim: Dim): readonly Dim[] {
  const given = call.attributes.ints('split') ?? call.inputs[1]?.values;
  const size = call.sizeOf(dim);
  if (given) {
    const numbers = given.map((part) => call.sizeOf(part));
    const total = numbers.reduce<number | null>((sum, n) => (sum === null || n === null ? null : sum + n), 0);
    if (given.length !== call.outputs) call.fail(`${call.outputs} sizes, one per output`, String(given.length));
    if (total !== null && size !== null && total !== size)
      call.fail(`sizes that add up to ${size}`, `${numbers.join(' + ')} = ${total}`);
    return given;
  }
  const parts = call.attributes.int('num_outputs', call.outputs);
  if (call.inputs[1] || size === null || parts < 1) {
    const each = !call.inputs[1] && multiplyDims(1, dim);
    return indices(call.outputs).map(() => (each && parts === 1 ? each : call.unknownDim()));
  }
  const part = Math.ceil(size / parts);
  return indices(call.outputs).map((i) => Math.max(0, Math.min(part, size - i * part)));
}

function squeeze(call: OperatorCall): TensorType[] {
  const { dtype, shape, values } = input(call, 0);
  const given = integersFrom(call, 'axes', 1);
  if (shape === null || given === 'unknown') return [{ dtype, shape: null }];
  const axes = new Set(
    given === 'absent'
      ? indices(shape.length).filter((i) => call.sizeOf(shape[i] ?? 1) === 1)
      : given.map((axis) => normaliseAxis(call, axis, shape.length)),
  );
  if (given === 'absent' && shape.some((dim) => call.sizeOf(dim) === null)) return [{ dtype, shape: null }];
  for (const axis of axes) {
    const size = call.sizeOf(shape[axis] ?? 1);
    if (size !== null && size !== 1) call.fail(`axis ${axis} of size 1`, `[${shape.join(', ')}]`);
  }
  return [withValues({ dtype, shape: shape.filter((_, i) => !axes.has(i)) }, values)];
}

function tile(call: OperatorCall): TensorType[] {
  const { dtype, shape, values } = input(call, 0);
  const repeats = input(call, 1, ['int64']);
  if (shape === null || !repeats.values)
    return [{ dtype, shape: unknownShape(call, shape?.length ?? lengthOf(call, repeats)) }];
  if (repeats.values.length !== shape.length)
    call.fail(`${shape.length} repeats, one per axis`, String(repeats.values.length));
  const tiled = shape.map((dim, i) => multiplyDims(dim, repeats.values?.[i] ?? 1) ?? call.unknownDim());
  const times = knownIntegers(call, repeats)?.[0];
  const few = times !== undefined && times <= FOLLOWED_VALUES;
  const many = values && few ? indices(times).flatMap(() => values) : null;
  return [withValues({ dtype, shape: tiled }, shape.length === 1 ? many : null)];
}

function transpose(call: OperatorCall): TensorType[] {
  const { dtype, shape, values } = input(call, 0, ANY);
  const perm = call.attributes.ints('perm');
  if (shape === null) return [{ dtype, shape: unknownShape(call, perm?.length ?? null) }];
  const order = perm ?? indices(shape.length).reverse();
  if (order.length !== shape.length || new Set(order).size !== order.length)
    call.fail(`a permutation of ${shape.length} axes`, `[${order.join(', ')}]`);
  const moved = order.map((axis) => shape[normaliseAxis(call, axis, shape.length)] ?? 1);
  return [withValues({ dtype, shape: moved }, values)];
}

function unsqueeze(call: OperatorCall): TensorType[] {
  const { dtype, shape, values } = input(call, 0);
  if (call.inputs[1]) input(call, 1, INDEX);
  const given = integersFrom(call, 'axes', 1);
  if (given === 'absent') return call.fail('axes', 'none');
  if (shape === null) return [{ dtype, shape: null }];
  if (given === 'unknown') {
    const added = lengthOf(call, call.inputs[1] ?? null);
    return [{ dtype, shape: unknownShape(call, added === null ? null : shape.length + added) }];
  }
  const rank = shape.length + given.length;
  const axes = new Set(given.map((axis) => normaliseAxis(call, axis, rank)));
  if (axes.size < given.length) call.fail('different axes', `[${given.join(', ')}]`);
  const rest = [...shape];
  const result = indices(rank).map((i) => (axes.has(i) ? 1 : (rest.shift() ?? 1)));
  return [withValues({ dtype, shape: result }, values)];
}
