// Derivatives of activation functions. At kinks the one-sided value that PyTorch takes is taken: 0 for Relu at 0.
import type { Value } from '../../onnx/shape.js';
import { cotangentOf, forNeeded, inputOf, masked, outputOf, type Rule, type RuleCall } from '../rule.js';
import { elementwise } from './functions.js';

/** y = tanh x: y′ = 1 − y². */
export const tanh = elementwise((call) => call.k.minusFrom(1, call.k.square(outputOf(call, 0))));

/** y = σ(x) = 1 / (1 + e⁻ˣ): y′ = y (1 − y). */
export const sigmoid = elementwise((call) => {
  const y = outputOf(call, 0);
  return call.k.mul(y, call.k.minusFrom(1, y));
});

/** y = max(x, 0): dx = dy where x > 0. */
export const relu: Rule = (call) => {
  const { k } = call;
  const y = outputOf(call, 0);
  return [k.where(k.compare('Greater', y, k.c(0, y)), cotangentOf(call), 0)];
};

/** y = x for x > 0, α x elsewhere: y′ = 1 or α. */
export const leakyRelu = elementwise(({ k, attributes }, x) =>
  k.where(positive(k, x), k.c(1, x), attributes.float('alpha', 0.01)),
);

/** y = x for x > α, else 0: y′ = 1 or 0. */
export const thresholdedRelu: Rule = (call) => {
  const { k } = call;
  const x = inputOf(call, 0);
  const above = k.compare('Greater', x, k.c(call.attributes.float('alpha', 1), x));
  return [k.where(above, cotangentOf(call), 0)];
};

/** y = x for x > 0, α (eˣ − 1) elsewhere: y′ = 1 or y + α. */
export const elu = elementwise((call, x) => {
  const alpha = call.attributes.float('alpha', 1);
  return call.k.where(positive(call.k, x), 1, call.k.plus(outputOf(call, 0), alpha));
});

/** y = γ x for x > 0, γ α (eˣ − 1) elsewhere: y′ = γ or y + γ α. */
export const selu = elementwise((call, x) => {
  const alpha = call.attributes.float('alpha', 1.6732632423543772);
  const gamma = call.attributes.float('gamma', 1.0507009873554805);
  return call.k.where(positive(call.k, x), gamma, call.k.plus(outputOf(call, 0), gamma * alpha));
});

/** y = max(0, x) + min(0, α (e^(x/α) − 1)): y′ = 1 for x > 0, e^(x/α) elsewhere. */
export const celu = elementwise((call, x) => {
  const alpha = call.attributes.float('alpha', 1);
  return call.k.where(positive(call.k, x), 1, call.k.of('Exp', call.k.scale(1 / alpha, x)));
});

/** y = ln(1 + eˣ): y′ = σ(x). */
export const softplus = elementwise(({ k }, x) => k.of('Sigmoid', x));

/** y = x / (1 + |x|): y′ = 1 / (1 + |x|)². */
export const softsign = elementwise(({ k }, x) => k.of('Reciprocal', k.square(k.plus(k.of('Abs', x), 1))));

/** y = clip(α x + β, 0, 1): y′ = α inside, 0 outside. */
export const hardSigmoid: Rule = (call) => {
  const { k, attributes } = call;
  const y = outputOf(call, 0);
  const dx = k.scale(attributes.float('alpha', 0.2), cotangentOf(call));
  return [k.where(between(call, y, [0, 1]), dx, 0)];
};

/** y = x clip(x/6 + ½, 0, 1): y′ = 0 for x ≤ −3, 1 for x ≥ 3, x/3 + ½ between. */
export const hardSwish = elementwise((call, x) => {
  const { k } = call;
  const slope = k.plus(k.scale(1 / 3, x), 0.5);
  const outer = k.cast(positive(k, x), x.dtype);
  return k.where(between(call, x, [-3, 3]), slope, outer);
});

/** y = x tanh(s), s = ln(1 + eˣ): y′ = tanh s + x σ(x) (1 − tanh² s). */
export const mish = elementwise(({ k }, x) => {
  const t = k.of('Tanh', k.of('Softplus', x));
  return k.add(t, k.mul(k.mul(x, k.of('Sigmoid', x)), k.minusFrom(1, k.square(t))));
});

/** y = x σ(α x): y′ = σ + α x σ (1 − σ). Swish, QuickGelu. */
export function swish(otherwise: number): Rule {
  return elementwise(({ k, attributes }, x) => {
    const alpha = attributes.float('alpha', otherwise);
    const s = k.of('Sigmoid', k.scale(alpha, x));
    return k.mul(s, k.plus(k.scale(alpha, k.mul(x, k.minusFrom(1, s))), 1));
  });
}

/**
 * Exact: y = x Φ(x), Φ(x) = ½ (1 + erf(x/√2)): y′ = Φ(x) + x φ(x), φ(x) = e^(−x²/2) / √(2π).
 */
function exactGeluSlope({ k }: RuleCall, x: Value): Value {
  const Phi = k.scale(0.5, k.plus(k.of('Erf', k.scale(Math.SQRT1_2, x)), 1));
  const density = k.of('Exp', k.scale(-0.5, k.square(x)));
  return k.add(Phi, k.mul(k.scale(1 / Math.sqrt(2 * Math.PI), x), density));
}

/**
 * By tanh: y = ½ x (1 + tanh u) = x s with s = σ(p), p = 2 u = x (a x² + b), a = 2 √(2/π) 0.044715, b = 2 √(2/π).
 * y′ = s + x s (1 − s) p′, and x p′ = x (3 a x² + b) = 3 p − 2 b x, so y′ = s (1 + (1 − s) (3 p − 2 b x)).
 * Beyond |x| = 10, where s is 0 or 1 in every type, y′ = s: p overflows there (in float16 from 97 on), and 0 · ∞ is NaN.
 */
function tanhGeluSlope({ k }: RuleCall, x: Value): Value {
  const b = 2 * Math.sqrt(2 / Math.PI);
  const p = k.mul(x, k.plus(k.scale(b * 0.044715, k.square(x)), b));
  const s = k.of('Sigmoid', p);
  const rest = k.mul(k.minusFrom(1, s), k.sub(k.scale(3, p), k.scale(2 * b, x)));
  const far = k.compare('Greater', k.of('Abs', x), k.c(10, x));
  return k.where(far, s, k.mul(s, k.plus(rest, 1)));
}

/** Gelu, exact or by tanh as its attribute says. */
export const gelu = elementwise((call, x) =>
  call.attributes.text('approximate', 'none') === 'tanh' ? tanhGeluSlope(call, x) : exactGeluSlope(call, x),
);

/** com.microsoft.Gelu: the exact one. */
export const exactGelu = elementwise(exactGeluSlope);

/** y = gelu(x + b): dx = dy gelu′(x + b), db = Σ dx. BiasGelu (exact), FastGelu (by tanh, b may be left out). */
function biasGelu(slope: (call: RuleCall, x: Value) => Value): Rule {
  return (call) => {
    const { k } = call;
    const x = inputOf(call, 0);
    const bias = call.inputs[1] ?? null;
    const dy = cotangentOf(call);
    const dx = masked(call, dy, k.mul(dy, slope(call, bias ? k.add(x, bias) : x)));
    return forNeeded(
      call,
      () => dx,
      () => k.sumTo(dx, inputOf(call, 1), { others: [x] }),
    );
  };
}

export const exactBiasGelu = biasGelu(exactGeluSlope);
export const fastGelu = biasGelu(tanhGeluSlope);

function positive(k: RuleCall['k'], x: Value): Value {
  return k.compare('Greater', x, k.c(0, x));
}

/** low < x < high. */
function between({ k }: RuleCall, x: Value, [low, high]: readonly [number, number]): Value {
  const [above, below] = [k.compare('Greater', x, k.c(low, x)), k.compare('Less', x, k.c(high, x))];
  return k.compare('And', above, below);
}
