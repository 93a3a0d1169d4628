// Bringing gradients into the shapes of the tensors they belong to: by sizes known while building where possible, else by
// nodes that read shapes when the graph runs. Reads forward tensors only for their shapes.
import { sameSize } from '../onnx/broadcast.js';
import type { Dim, Value } from '../onnx/shape.js';
import { isName } from '../onnx/symbolic.js';
import type { Expressions } from './expressions.js';

/** The shape of x as a one-dimensional int64 tensor. */
export function shapeOf(k: Expressions, x: Value): Value {
  const sizes = x.shape?.map((dim) => k.g.sizeOf(dim));
  if (sizes?.every((size) => size !== null)) return k.g.integers(...(sizes as number[]));
  return k.op('Shape', [x]);
}

/** Sizes [from, to) of x as a one-dimensional int64 tensor; `to` is at most the rank, which is known. */
export function sizesOf(k: Expressions, x: Value, from: number, to: number): Value {
  const sizes = (x.shape ?? []).slice(from, to).map((dim) => k.g.sizeOf(dim));
  if (sizes.length === to - from && sizes.every((size) => size !== null))
    return k.g.integers(...(sizes as number[]));
  return k.op('Shape', [x], { start: from, end: to });
}

/** The product of all sizes in a one-dimensional int64 tensor, as a tensor of one entry. */
export function productOf(k: Expressions, sizes: Value): Value {
  const known = sizes.values;
  if (known?.every((v): v is number => typeof v === 'number'))
    return k.g.integers(known.reduce((a, b) => a * b, 1));
  return k.op('ReduceProd', [sizes, k.g.integers(0)], { keepdims: 1 });
}

/** x with the shape of `target`, which has as many elements. */
export function reshapeLike(k: Expressions, x: Value, target: Value): Value {
  if (sameShape(k, x, target)) return x;
  return k.reshape(x, knownTarget(k, x, target) ?? k.op('Shape', [target]));
}

/** x stretched to the shape of `target`. */
export function expandLike(k: Expressions, x: Value, target: Value): Value {
  return sameShape(k, x, target) ? x : k.op('Expand', [x, shapeOf(k, target)]);
}

/** Zeros (or another number) in the shape and type of x. */
export function filledLike(k: Expressions, x: Value, value = 0): Value {
  return k.op('Expand', [k.c(value, x), shapeOf(k, x)]);
}

/** Whether two tensors are known to have equal shapes. */
export function sameShape(k: Expressions, a: Value, b: Value): boolean {
  const [left, right] = [a.shape, b.shape];
  if (!left || left.length !== right?.length) return false;
  return left.every((dim, axis) => sameSize(dim, right[axis] as Dim, k.g));
}

/** What met `target` in the operation whose gradient is summed. */
export interface Meeting {
  /** The operands beside it; null where nothing is known of one. */
  readonly others?: readonly (Value | null)[];
  /** Axes at the right that are never stretched: two in a product of matrices. */
  readonly inner?: number;
}

/**
 * dy summed to the shape of `target`, an operand that was stretched to dy's shape.
 * dx = Σ dy over the axes along which x was stretched: axes that x lacks, and axes of size 1.
 * An axis is settled while building where x or all `others` leave no doubt; else by what the shapes are when the graph runs.
 */
export function sumTo(k: Expressions, dy: Value, target: Value, met: Meeting = {}): Value {
  if (!dy.shape || !target.shape) return sumByShapes(k, dy, target, null);
  const { others = [], inner = 0 } = met;
  const rank = target.shape.length;
  const lead = dy.shape.length - rank;
  const axes = Array.from({ length: Math.max(lead, 0) }, (_, axis) => axis);
  for (const [i, dim] of target.shape.slice(0, rank - inner).entries()) {
    const beside = others.map((other) => dimFromRight(other, i - rank));
    const stretched = isStretched(k, { dim, made: dy.shape[i + lead] as Dim, beside });
    if (stretched === null) return sumByShapes(k, dy, target, lead);
    if (stretched) axes.push(i + lead);
  }
  if (axes.length === 0) return dy;
  const g = k.g;
  if (axes.length === lead) return k.op('ReduceSum', [dy, g.integers(...axes)], { keepdims: 0 });
  const sum = k.sum(dy, axes);
  return lead === 0 ? sum : k.op('Squeeze', [sum, g.integers(...axes.slice(0, lead))]);
}

/** Whether an axis of size `dim` was stretched to `made`; null where that is not known. */
function isStretched(
  k: Expressions,
  { dim, made, beside }: { dim: Dim; made: Dim; beside: readonly (Dim | null)[] },
): boolean | null {
  const size = k.g.sizeOf(dim);
  if (size !== null && size !== 1) return false;
  if (size === 1) return k.g.sizeOf(made) !== 1;
  const fits = (other: Dim | null): boolean =>
    other !== null && (k.g.sizeOf(other) === 1 || other === dim || (isName(other) && isName(dim)));
  return made === dim && beside.every(fits) ? false : null;
}

/** The size of an axis counted from the right (−1 is the last); 1 where the tensor has fewer axes, null where nothing is known. */
function dimFromRight(value: Value | null, at: number): Dim | null {
  if (value === null) return 1;
  return value.shape ? (value.shape.at(at) ?? 1) : null;
}

/** A constant shape for Reshape: numbers, 0 for an axis that is copied, one −1; null where that does not say enough. */
function knownTarget(k: Expressions, x: Value, target: Value): Value | null {
  if (!target.shape) return null;
  const wanted = target.shape.map((dim, axis) => {
    const size = k.g.sizeOf(dim);
    if (size === 0) return null;
    return size ?? (x.shape?.[axis] === dim ? 0 : -1);
  });
  if (wanted.includes(null) || wanted.filter((size) => size === -1).length > 1) return null;
  return k.g.integers(...(wanted as number[]));
}

/**
 * 1. sizes of x, filled with ones at the left to dy's rank. 2. axes = where they differ from dy's. 3. Σ over them. 4. x's shape.
 */
function sumByShapes(k: Expressions, dy: Value, target: Value, lead: number | null): Value {
  const g = k.g;
  const [to, from] = [shapeOf(k, target), k.op('Shape', [dy])];
  const missing =
    lead === null
      ? k.reshape(k.sub(k.op('Size', [from]), k.op('Size', [to])), g.integers(1))
      : g.integers(lead);
  const ones = lead === 0 ? [] : [k.op('Expand', [g.integers(1), missing])];
  const differ = k.of('Not', k.compare('Equal', k.concat([...ones, to], 0), from));
  const axes = k.reshape(k.op('NonZero', [differ]), g.integers(-1));
  const sum = k.op('ReduceSum', [dy, axes], { keepdims: 1, noop_with_empty_axes: 1 });
  return g.op('Reshape', [sum, to], target.shape ? { shape: target.shape } : {});
}
