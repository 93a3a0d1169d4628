// Bringing gradients into the shapes of the tensors they belong to: by sizes known while building where possible, else by
// nodes that read shapes when the graph runs. Reads forward tensors only for their shapes.
import { InputError } from '../../schemas/errors.js';
import { sameSize } from '../onnx/broadcast.js';
import { describeValue } from '../onnx/operators/call.js';
import type { Dim, Value } from '../onnx/shape.js';
import { isName } from '../onnx/symbolic.js';
import { Expressions } from './expressions.js';

/** What met an operand in the operation whose gradient is summed. */
export interface Meeting {
  /** The operands beside it; null where nothing is known of one. */
  readonly others?: readonly (Value | null)[];
  /** Axes at the right that are never stretched: two in a product of matrices. */
  readonly inner?: number;
}

/** Arithmetic, and the movements between shapes that gradients need. */
export class ShapedExpressions extends Expressions {
  /** The shape of x as a one-dimensional int64 tensor. */
  shapeOf(x: Value): Value {
    const sizes = x.shape?.map((dim) => this.g.sizeOf(dim));
    if (sizes?.every((size) => size !== null)) return this.g.integers(...sizes);
    return this.op('Shape', [x]);
  }

  /** Sizes [from, to) of x as a one-dimensional int64 tensor; `to` is at most the rank, which is known. */
  sizesOf(x: Value, from: number, to: number): Value {
    const sizes = (x.shape ?? []).slice(from, to).map((dim) => this.g.sizeOf(dim));
    if (sizes.length === to - from && sizes.every((size) => size !== null)) return this.g.integers(...sizes);
    return this.op('Shape', [x], { start: from, end: to });
  }

  /** The product of all sizes in a one-dimensional int64 tensor, as a tensor of one entry. */
  productOf(sizes: Value): Value {
    const known = sizes.values;
    if (known?.every((v): v is number => typeof v === 'number'))
      return this.g.integers(known.reduce((a, b) => a * b, 1));
    return this.op('ReduceProd', [sizes, this.g.integers(0)], { keepdims: 1 });
  }

  /** One-dimensional int64 tensors end to end; a constant where all are known. */
  join(parts: readonly Value[]): Value {
    const known = parts.flatMap((part) => part.values ?? ['?']);
    if (known.every((n): n is number => typeof n === 'number')) return this.g.integers(...known);
    return this.concat(parts, 0);
  }

  /** x with the shape of `target`, which has as many elements. */
  reshapeLike(x: Value, target: Value): Value {
    if (this.sameShape(x, target)) return x;
    return this.reshape(x, this.#knownTarget(x, target) ?? this.op('Shape', [target]));
  }

  /** x stretched to the shape of `target`. */
  expandLike(x: Value, target: Value): Value {
    return this.sameShape(x, target) ? x : this.op('Expand', [x, this.shapeOf(target)]);
  }

  /** Zeros (or another number) in the shape and type of x. */
  filledLike(x: Value, value = 0): Value {
    return this.op('Expand', [this.c(value, x), this.shapeOf(x)]);
  }

  /** Whether two tensors are known to have equal shapes. */
  sameShape(a: Value, b: Value): boolean {
    const [left, right] = [a.shape, b.shape];
    if (!left || left.length !== right?.length) return false;
    return left.every((dim, axis) => sameSize(dim, right[axis] as Dim, this.g));
  }

  /**
   * dy summed to the shape of `target`, an operand that was stretched to dy's shape.
   * dx = Σ dy over the axes along which x was stretched: axes that x lacks, and axes of size 1.
   * An axis is settled while building where x or all `others` leave no doubt; else by what the shapes are when the graph runs.
   */
  sumTo(dy: Value, target: Value, met: Meeting = {}): Value {
    if (!dy.shape || !target.shape) return this.#sumByShapes(dy, target, null);
    const { others = [], inner = 0 } = met;
    const rank = target.shape.length;
    const lead = dy.shape.length - rank;
    if (lead < 0) throw contradiction(dy, target);
    const axes = Array.from({ length: lead }, (_, axis) => axis);
    for (const [i, dim] of target.shape.slice(0, rank - inner).entries()) {
      const beside = others.map((other) => dimFromRight(other, i - rank));
      const stretched = this.#isStretched(dim, dy.shape[i + lead] as Dim, beside);
      if (stretched === null) return this.#sumByShapes(dy, target, lead);
      if (stretched) axes.push(i + lead);
    }
    if (axes.length === 0) return dy;
    const g = this.g;
    if (axes.length === lead) return this.op('ReduceSum', [dy, g.integers(...axes)], { keepdims: 0 });
    const sum = this.sum(dy, axes);
    return lead === 0 ? sum : this.op('Squeeze', [sum, g.integers(...axes.slice(0, lead))]);
  }

  /** Whether an axis of size `dim` was stretched to `made`; null where that is not known. */
  #isStretched(dim: Dim, made: Dim, beside: readonly (Dim | null)[]): boolean | null {
    const sizeOf = (one: Dim): number | null => this.g.sizeOf(one);
    const size = sizeOf(dim);
    if (size !== null && size !== 1) return false;
    if (size === 1) return sizeOf(made) !== 1;
    const fits = (other: Dim | null): boolean =>
      other !== null && (sizeOf(other) === 1 || other === dim || (isName(other) && isName(dim)));
    return made === dim && beside.every(fits) ? false : null;
  }

  /** A constant shape for Reshape: numbers, 0 for an axis that is copied, one −1; null where that does not say enough. */
  #knownTarget(x: Value, target: Value): Value | null {
    if (!target.shape) return null;
    const wanted = target.shape.map((dim, axis) => {
      const size = this.g.sizeOf(dim);
      if (size === 0) return null;
      return size ?? (x.shape?.[axis] === dim ? 0 : -1);
    });
    if (wanted.filter((size) => size === -1).length > 1) return null;
    return wanted.every((size) => size !== null) ? this.g.integers(...wanted) : null;
  }

  /**
   * 1. sizes of x, filled with ones at the left to dy's rank. 2. axes = where they differ from dy's. 3. Σ over them. 4. x's shape.
   */
  #sumByShapes(dy: Value, target: Value, lead: number | null): Value {
    const g = this.g;
    const [to, from] = [this.shapeOf(target), this.op('Shape', [dy])];
    const missing =
      lead === null
        ? this.reshape(this.sub(this.op('Size', [from]), this.op('Size', [to])), g.integers(1))
        : g.integers(lead);
    const ones = lead === 0 ? [] : [this.op('Expand', [g.integers(1), missing])];
    const differ = this.of('Not', this.compare('Equal', this.concat([...ones, to], 0), from));
    const axes = this.reshape(this.op('NonZero', [differ]), g.integers(-1));
    const sum = this.op('ReduceSum', [dy, axes], { keepdims: 1, noop_with_empty_axes: 1 });
    return g.op('Reshape', [sum, to], target.shape ? { shape: target.shape } : {});
  }
}

/** The size of an axis counted from the right (−1 is the last); 1 where the tensor has fewer axes, null where nothing is known. */
/** A tensor cannot be stretched to fewer axes than it has: what the file says of its tensors is not so. */
function contradiction(dy: Value, target: Value): InputError {
  return new InputError(
    `Expected a gradient of at least ${target.shape?.length ?? 0} axes for ${describeValue(target)}, got ${describeValue(dy)}: the graph's shapes contradict each other. Export the model anew.`,
    { tensor: target.name },
  );
}

function dimFromRight(value: Value | null, at: number): Dim | null {
  return value?.shape ? (value.shape.at(at) ?? 1) : null;
}
