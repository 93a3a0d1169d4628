// Derivatives of elementwise functions of one tensor: dx = dy f′(x), written with y = f(x) where that saves work.
import type { Value } from '../../onnx/shape.js';
import { cotangentOf, inputOf, masked, outputOf, type Rule, type RuleCall } from '../rule.js';

/** The rule dx = dy f′(x) for a slope f′ that `slope` writes. */
export function elementwise(slope: (call: RuleCall, x: Value) => Value): Rule {
  return (call) => {
    const dy = cotangentOf(call);
    return [masked(call, dy, call.k.mul(dy, slope(call, inputOf(call, 0))))];
  };
}

/** y = eˣ: y′ = y. */
export const exp = elementwise((call) => outputOf(call, 0));

/** y = ln x: y′ = 1 / x. */
export const log: Rule = (call) => {
  const dy = cotangentOf(call);
  return [masked(call, dy, call.k.div(dy, inputOf(call, 0)))];
};

/** y = sin x: y′ = cos x. */
export const sin = elementwise(({ k }, x) => k.of('Cos', x));

/** y = cos x: y′ = −sin x. */
export const cos = elementwise(({ k }, x) => k.neg(k.of('Sin', x)));

/** y = tan x: y′ = 1 + y². */
export const tan = elementwise((call) => call.k.plus(call.k.square(outputOf(call, 0)), 1));

/** y = sinh x: y′ = cosh x. */
export const sinh = elementwise(({ k }, x) => coshOf(k, x));

/** y = cosh x: y′ = sinh x. */
export const cosh = elementwise(({ k }, x) => k.scale(0.5, k.sub(k.of('Exp', x), k.of('Exp', k.neg(x)))));

/** y = erf x: y′ = 2/√π e^(−x²). */
export const erf = elementwise(({ k }, x) => k.scale(2 / Math.sqrt(Math.PI), k.of('Exp', k.neg(k.square(x)))));

function coshOf(k: RuleCall['k'], x: Value): Value {
  return k.scale(0.5, k.add(k.of('Exp', x), k.of('Exp', k.neg(x))));
}
