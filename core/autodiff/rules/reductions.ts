// Derivatives of reductions over axes. y and dy get the reduced axes back with size 1 and are then broadcast against x.
import type { Value } from '../../onnx/shape.js';
import { cotangentOf, inputOf, masked, outputOf, type Rule, type RuleCall } from '../rule.js';

/** Axes that a node reduces: null for all of them; a tensor where they are computed. */
function axesOf(call: RuleCall): readonly number[] | Value | null {
  const given = call.attributes.ints('axes');
  if (given) return given;
  const value = call.inputs[1];
  if (!value) return null;
  const numbers = value.values;
  return numbers?.every((n): n is number => typeof n === 'number') ? numbers : value;
}

/** Whether the node reduces nothing: no axes, and told to take that for none. */
function reducesNothing(call: RuleCall): boolean {
  if (call.attributes.int('noop_with_empty_axes', 0) !== 1) return false;
  const axes = axesOf(call);
  if (axes === null || (Array.isArray(axes) && axes.length === 0)) return true;
  if (!Array.isArray(axes)) call.refuse('axes known before the graph runs', 'computed ones', 'Store them.');
  return false;
}

/** A result of the node (or its cotangent) with the reduced axes as size 1. */
function kept(call: RuleCall, reduced: Value): Value {
  if (call.attributes.int('keepdims', 1) === 1) return reduced;
  const axes = axesOf(call);
  // A reduction of everything is a scalar, which broadcasts as it is.
  if (axes === null || (isNumbers(axes) && axes.length === 0)) return reduced;
  const list = isNumbers(axes) ? call.g.integers(...axes) : axes;
  return call.k.op('Unsqueeze', [reduced, list]);
}

function isNumbers(axes: readonly number[] | Value | null): axes is readonly number[] {
  return Array.isArray(axes);
}

/** The rule dx = slope(x, y, dy), all three broadcastable; a node that reduces nothing is the identity. */
function reduction(slope: (call: RuleCall, dy: Value) => Value): Rule {
  return (call) => {
    if (reducesNothing(call)) return [cotangentOf(call)];
    const dy = kept(call, cotangentOf(call));
    return [call.k.expandLike(masked(call, dy, slope(call, dy)), inputOf(call, 0))];
  };
}

/** y = Σ x: dx = dy. */
export const reduceSum = reduction((_, dy) => dy);

/** y = Σ x / n: dx = dy / n. */
export const reduceMean = reduction((call, dy) => {
  const { k, g } = call;
  const x = inputOf(call, 0);
  const axes = axesOf(call);
  const dims = isNumbers(axes) && axes.length > 0 ? axes.map((axis) => x.shape?.at(axis)) : x.shape;
  const numbers = (isNumbers(axes) || axes === null ? dims : null)?.map((d) => (d === undefined ? null : g.sizeOf(d)));
  if (numbers?.every((n) => n !== null)) return k.scale(1 / numbers.reduce((a, b) => a * b, 1), dy);
  const ratio = k.op('Div', [k.op('Size', [x]), k.op('Size', [kept(call, outputOf(call, 0))])]);
  return k.div(dy, k.cast(ratio, x.dtype));
});

/** y = max x or min x: dx = dy / n_tied where x = y, else 0: tied entries share the gradient equally, as in PyTorch. */
export const reduceExtremum: Rule = (call) => {
  const { k } = call;
  if (reducesNothing(call)) return [cotangentOf(call)];
  const x = inputOf(call, 0);
  const hits = k.cast(k.compare('Equal', x, kept(call, outputOf(call, 0))), x.dtype);
  const count = sameAxes(call, hits);
  const dy = kept(call, cotangentOf(call));
  return [k.mul(hits, masked(call, dy, k.div(dy, count)))];
};

/**
 * y = ∏ x: dx = dy times the product of the others: y / x without zeros; with one zero, the product of the rest at its place
 * and 0 elsewhere; with more, 0.
 */
export const reduceProd: Rule = (call) => {
  const { k } = call;
  if (reducesNothing(call)) return [cotangentOf(call)];
  const x = inputOf(call, 0);
  const zero = k.compare('Equal', x, k.c(0, x));
  const filled = k.where(zero, 1, x);
  const zeros = sameAxes(call, k.cast(zero, x.dtype));
  const rest = sameAxes(call, filled, 'ReduceProd');
  const none = k.compare('Equal', zeros, k.c(0, x));
  const one = k.compare('Equal', zeros, k.c(1, x));
  const atZero = k.where(one, rest, 0);
  const elsewhere = k.where(none, k.div(rest, filled), 0);
  const dy = kept(call, cotangentOf(call));
  return [masked(call, dy, k.mul(dy, k.where(zero, atZero, elsewhere)))];
};

/** A reduction of x over the node's own axes, which stay with size 1. */
function sameAxes(call: RuleCall, x: Value, opType = 'ReduceSum'): Value {
  const axes = axesOf(call);
  const list = isNumbers(axes) ? call.g.integers(...axes) : axes;
  return call.k.op(opType, [x, list], { keepdims: 1 });
}

/** The rule of a reduction that has no meaning without axes but the elementwise one. */
function proper(slope: (call: RuleCall, dy: Value) => Value): Rule {
  return (call) => {
    if (reducesNothing(call)) call.refuse('axes to reduce', 'none', 'Leave the node out.');
    return reduction(slope)(call);
  };
}

/** y = Σ |x|: dx = dy sign(x). */
export const reduceL1 = proper((call, dy) => call.k.mul(dy, call.k.of('Sign', inputOf(call, 0))));

/** y = √Σx²: dx = dy x / y; 0 where y = 0, as in PyTorch. */
export const reduceL2 = proper((call, dy) => {
  const { k } = call;
  const y = kept(call, outputOf(call, 0));
  const zero = k.compare('Equal', y, k.c(0, y));
  return k.mul(inputOf(call, 0), k.where(zero, 0, k.div(dy, k.where(zero, 1, y))));
});

/** y = ln Σ eˣ: dx = dy e^(x − y). */
export const reduceLogSumExp = proper((call, dy) => {
  const { k } = call;
  return k.mul(dy, k.of('Exp', k.sub(inputOf(call, 0), kept(call, outputOf(call, 0)))));
});

/** y = Σ x²: dx = 2 x dy. */
export const reduceSumSquare = proper((call, dy) => call.k.mul(call.k.scale(2, inputOf(call, 0)), dy));
