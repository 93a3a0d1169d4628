// The shape that Reshape makes: 0 copies an axis, -1 takes what the other axes leave over, by cancelling names.
import type { Dim } from '../shape.js';
import { divideDims, numericRatio, productOf } from '../symbolic.js';
import type { OperatorCall } from './operator.js';
import type { Shape } from './row.js';

/** `shape` in the axes of `target`. @throws through `fail` where the numbers of elements are known to differ. */
export function reshapeTo(call: OperatorCall, shape: Shape, target: readonly Dim[]): Dim[] {
  const copies = call.attributes.int('allowzero', 0) === 0;
  const dims = target.map((dim, axis) => (dim === 0 && copies ? (shape?.[axis] ?? call.unknownDim()) : dim));
  const open = dims.indexOf(-1);
  if (open !== dims.lastIndexOf(-1)) call.fail('at most one -1', `[${target.join(', ')}]`);
  if (shape === null) return dims.map((dim) => (dim === -1 ? call.unknownDim() : dim));
  if (open >= 0) {
    const size = leftOver(call, shape, dims);
    return dims.map((dim, axis) => (axis === open ? size : dim));
  }
  const ratio = elementRatio(call, shape, dims);
  if (ratio !== null && ratio !== 1) mismatch(call, shape, target);
  return dims;
}

/** Elements of `shape` per element of the axes of `dims` besides -1. */
function leftOver(call: OperatorCall, shape: readonly Dim[], dims: readonly Dim[]): Dim {
  // Axes that both sides have cancel first: this also holds where products have no short form.
  const rest = [...shape];
  const divisors = dims.filter((dim) => {
    if (dim === -1) return false;
    const at = rest.indexOf(dim);
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
  const [top, bottom] = [productOf(rest), productOf(divisors)];
  if (top === null || bottom === null) return call.unknownDim();
  const quotient = divideDims(top, bottom);
  if (quotient !== null) return quotient;
  const ratio = numericRatio(call.sizeOf(top) ?? top, call.sizeOf(bottom) ?? bottom);
  if (ratio !== null && ratio % 1 !== 0) mismatch(call, shape, dims);
  return ratio ?? call.unknownDim();
}

function elementRatio(call: OperatorCall, shape: readonly Dim[], dims: readonly Dim[]): number | null {
  const [before, after] = [productOf(shape), productOf(dims)];
  if (before === null || after === null) return null;
  const exact = numericRatio(before, after);
  if (exact !== null) return exact;
  const [left, right] = [call.sizeOf(before), call.sizeOf(after)];
  return left === null || right === null || right === 0 ? null : left / right;
}

function mismatch(call: OperatorCall, shape: readonly Dim[], target: readonly Dim[]): never {
  return call.fail(`as many elements as [${shape.join(', ')}]`, `a target [${target.join(', ')}]`);
}
