// Derivatives of operators that move, repeat or drop elements without reading where to from a tensor's contents.
import type { Value } from '../../onnx/shape.js';
import { axisOf, cotangentOf, inputOf, rankOf, type Rule, type RuleCall } from '../rule.js';

/** y = x in another shape: dx = dy in x's shape. Reshape, Flatten, Squeeze, Unsqueeze. */
export const reshape: Rule = (call) => [call.k.reshapeLike(cotangentOf(call), inputOf(call, 0))];

/** y = x transposed by perm: dx = dy transposed by its inverse. */
export const transpose: Rule = (call) => {
  const dy = cotangentOf(call);
  const perm = call.attributes.ints('perm');
  if (perm === null) return [call.k.op('Transpose', [dy])];
  const inverse = perm.map((_, axis) => perm.indexOf(axis));
  return [call.k.transpose(dy, inverse)];
};

/** y = x stretched: dx = dy summed over the stretched axes. */
export const expand: Rule = (call) => {
  const [x, to] = [inputOf(call, 0), inputOf(call, 1)];
  // What x met is a shape: that of a tensor whose sizes are the entries of `to`.
  const met = { ...to, shape: to.values ?? null };
  return [call.k.sumTo(cotangentOf(call), x, { others: [met] })];
};
/**
 * y = x repeated rᵢ times along axis i of size nᵢ: dy [r₀, n₀, r₁, n₁, …] summed over the axes r.
 */
export const tile: Rule = (call) => {
  const { k, g } = call;
  const x = inputOf(call, 0);
  const rank = rankOf(call, x);
  if (rank === 0) return [cotangentOf(call)];
  const column = (list: Value): Value => k.op('Unsqueeze', [list, g.integers(1)]);
  const pairs = k.concat([column(inputOf(call, 1)), column(k.shapeOf(x))], 1);
  const parted = g.op('Reshape', [cotangentOf(call), k.reshape(pairs, g.integers(-1))]);
  const repeats = Array.from({ length: rank }, (_, axis) => 2 * axis);
  const sum = k.op('ReduceSum', [parted, g.integers(...repeats)], { keepdims: 0 });
  return [k.reshapeLike(sum, x)];
};

/** y = x₁ … xₙ side by side: dxᵢ = the part of dy that xᵢ became. */
export const concat: Rule = (call) => {
  const { k, g } = call;
  const dy = cotangentOf(call);
  if (call.inputs.length === 1) return [dy];
  const axis = axisOf(call, inputOf(call, 0), call.attributes.int('axis', 0));
  const sizes = call.inputs.map((_, i) => k.sizesOf(inputOf(call, i), axis, axis + 1));
  const known = sizes.map((size) => size.values?.[0]);
  const split = known.every((n): n is number => typeof n === 'number') ? g.integers(...known) : k.concat(sizes, 0);
  return g.ops('Split', [dy, split], { outputs: call.inputs.length, attributes: { axis } });
};

/** y₁ … yₙ = x cut along an axis: dx = dy₁ … dyₙ side by side, zeros where no gradient arrives. */
export const split: Rule = (call) => {
  const { k } = call;
  const parts = call.cotangents.map((dy, i) => {
    const y = call.outputs[i];
    if (dy || y) return dy ?? k.filledLike(y as Value);
    return call.refuse('names for all outputs', `none for output ${i}`, 'Name it.');
  });
  return [k.concat(parts, call.attributes.int('axis', 0))];
};

/** y = running sum of x along an axis: dx = running sum of dy from the other end. */
export const cumSum: Rule = (call) => {
  const reverse = 1 - call.attributes.int('reverse', 0);
  const exclusive = call.attributes.int('exclusive', 0);
  const axis = inputOf(call, 1);
  return [call.k.op('CumSum', [cotangentOf(call), axis], { exclusive, reverse })];
};

/** y = x above or below a diagonal, else 0: dx = dy there. */
export const trilu: Rule = (call) => {
  const upper = call.attributes.int('upper', 1);
  return [call.k.op('Trilu', [cotangentOf(call), call.inputs[1] ?? null], { upper })];
};

/** Dropout at inference is the identity: dx = dy. */
export const dropout: Rule = (call: RuleCall) => {
  if (call.inputs[2] && !isFalse(call)) call.refuse('inference', 'training_mode', 'Export the model in eval mode.');
  return [cotangentOf(call)];
};

function isFalse(call: RuleCall): boolean {
  return call.constant(2) === 0;
}
