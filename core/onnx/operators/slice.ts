// The shape that Slice makes. A bound is a number or a size; from the front or, negative, from the end.
import type { Dim, TensorType } from '../shape.js';
import { addDims, divideDims, isName, isNonNegative, subtractDims } from '../symbolic.js';
import type { OperatorCall } from './operator.js';
import { INDEX, indices, input, knownIntegers, normaliseAxis, unknownShape, withValues } from './row.js';

/** Bounds at or beyond this mean "to the end": exporters write INT64_MAX or INT32_MAX. */
const END = 2 ** 31 - 1;

/** Bounds and step on one axis, where they are known. */
interface Cut {
  readonly start: Dim | undefined;
  readonly end: Dim | undefined;
  readonly step: Dim | undefined;
}

/** Types of Slice's output: the sliced axes cut, contents of small integer vectors cut too. */
export function slice(call: OperatorCall): TensorType[] {
  const { dtype, shape, values } = input(call, 0);
  const [starts, ends] = [bounds(call, 'starts', 1), bounds(call, 'ends', 2)];
  const steps = bounds(call, 'steps', 4);
  const axes = axesOf(call, starts?.length ?? ends?.length ?? null);
  if (shape === null) return [{ dtype, shape }];
  if (axes === null) return [{ dtype, shape: unknownShape(call, shape.length) }];
  const result = [...shape];
  axes.forEach((given, i) => {
    const axis = normaliseAxis(call, given, shape.length);
    const step = call.inputs[4] ? steps?.[i] : 1;
    const length = slicedLength(shape[axis] ?? 1, { start: starts?.[i], end: ends?.[i], step });
    result[axis] = length ?? call.unknownDim();
  });
  const cut = values && shape.length === 1 && axes.length === 1;
  return [withValues({ dtype, shape: result }, cut ? slicedValues(values, [starts, ends, steps]) : null)];
}

function bounds(call: OperatorCall, attribute: string, index: number): readonly Dim[] | null {
  if (call.inputs[index]) input(call, index, INDEX);
  return call.attributes.ints(attribute) ?? call.inputs[index]?.values ?? null;
}

function axesOf(call: OperatorCall, count: number | null): readonly number[] | null {
  const given = call.attributes.ints('axes');
  if (given) return given;
  const value = call.inputs[3];
  if (value) return knownIntegers(call, value);
  return count === null ? null : indices(count);
}

/**
 * Elements of an axis of size `dim` from `start` to `end` in steps, or null where that is not known.
 * A named axis is taken to reach a bound that is a name or an expression, and to be no shorter than a fixed start: graphs
 * that cut more than there is do not run further on.
 */
function slicedLength(dim: Dim, { start, end, step }: Cut): Dim | null {
  if (start === undefined || end === undefined || typeof step !== 'number' || step === 0) return null;
  if (step < 0) return reversedLength(dim, { start, end, step });
  const from = position(dim, start);
  const to = typeof end === 'number' && end >= END ? dim : position(dim, end);
  if (from === null || to === null) return null;
  const known = clampedEnd(dim, to);
  const length = known === null ? null : subtractDims(known, from);
  if (length === null) return null;
  if (typeof length === 'number') return Math.max(0, Math.ceil(length / step));
  return divideDims(length, step);
}

/** A bound counted from the front; null for an expression that may be negative and so count from the end. */
function position(dim: Dim, bound: Dim): Dim | null {
  if (bound === dim) return dim;
  if (typeof dim === 'number' && typeof bound === 'number')
    return Math.min(dim, Math.max(0, bound < 0 ? bound + dim : bound));
  if (typeof bound === 'number' && bound < 0) return addDims(dim, bound);
  return isNonNegative(bound) ? bound : null;
}

function clampedEnd(dim: Dim, end: Dim): Dim | null {
  const gap = subtractDims(dim, end);
  if (typeof gap === 'number') return gap < 0 ? dim : end;
  // No axis is longer than it is; a size is at least 1.
  if (typeof dim === 'number') return dim === 1 ? dim : end;
  // A fixed end of a named axis may lie beyond it.
  return typeof end === 'number' || (isName(dim) && isName(end)) ? null : end;
}

/** Only the whole axis backwards, and numbers, are followed. */
function reversedLength(dim: Dim, { start, end, step }: Cut): Dim | null {
  if (typeof start !== 'number' || typeof end !== 'number' || typeof step !== 'number') return null;
  if (start === -1 && end <= -END && step === -1) return dim;
  if (typeof dim !== 'number') return null;
  const from = Math.min(dim - 1, start < 0 ? start + dim : start);
  const to = Math.max(-1, end < 0 ? end + dim : end);
  return Math.max(0, Math.ceil((from - to) / -step));
}

function slicedValues(values: readonly Dim[], [starts, ends, steps]: readonly (readonly Dim[] | null)[]): Dim[] | null {
  const [start, end, step] = [starts?.[0], ends?.[0], steps?.[0] ?? 1];
  if (typeof start !== 'number' || typeof end !== 'number' || typeof step !== 'number') return null;
  if (step < 0) return step === -1 && start === -1 && end <= -END ? [...values].reverse() : null;
  const length = values.length;
  const at = (bound: number): number => Math.min(length, Math.max(0, bound < 0 ? bound + length : bound));
  return values.slice(at(start), at(end)).filter((_, i) => i % step === 0);
}
