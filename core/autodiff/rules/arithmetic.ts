// Derivatives of elementwise arithmetic over broadcast operands. Every gradient is summed to its operand's shape.
import type { Value } from '../../onnx/shape.js';
import { cotangentOf, forNeeded, inputOf, masked, outputOf, type Rule, type RuleCall } from '../rule.js';
import { elementwise } from './functions.js';

/** A gradient in the broadcast shape, masked by the cotangent where the node is guarded, summed to the shape of input i. */
function backMasked(call: RuleCall, i: number, dx: Value): Value {
  return back(call, i, masked(call, cotangentOf(call), dx));
}

/** A gradient in the broadcast shape, summed to the shape of input i. */
function back(call: RuleCall, i: number, dx: Value): Value {
  const others = call.inputs.filter((_, j) => j !== i);
  return call.k.sumTo(dx, inputOf(call, i), { others });
}

/** y = a + b: da = dy, db = dy. Also the n-ary Sum. */
export const add: Rule = (call) => {
  const dy = cotangentOf(call);
  return call.inputs.map((_, i) => (call.needs(i) ? back(call, i, dy) : null));
};

/** y = a − b: da = dy, db = −dy. */
export const sub: Rule = (call) => {
  const dy = cotangentOf(call);
  return forNeeded(
    call,
    () => back(call, 0, dy),
    () => call.k.neg(back(call, 1, dy)),
  );
};

/** y = a b: da = dy b, db = dy a. */
export const mul: Rule = (call) => {
  const { k } = call;
  const dy = cotangentOf(call);
  return forNeeded(
    call,
    () => (call.risky(1) ? backMasked : back)(call, 0, k.mul(dy, inputOf(call, 1))),
    () => (call.risky(0) ? backMasked : back)(call, 1, k.mul(dy, inputOf(call, 0))),
  );
};

/** y = a / b: da = dy / b, db = −dy y / b. */
export const div: Rule = (call) => {
  const { k } = call;
  const dy = cotangentOf(call);
  const b = inputOf(call, 1);
  return forNeeded(
    call,
    () => backMasked(call, 0, k.div(dy, b)),
    () => backMasked(call, 1, k.neg(k.div(k.mul(dy, outputOf(call, 0)), b))),
  );
};

/** y = (x₁ + … + xₙ) / n: dxᵢ = dy / n. */
export const mean: Rule = (call) => {
  const share = call.k.scale(1 / call.inputs.length, cotangentOf(call));
  return call.inputs.map((_, i) => (call.needs(i) ? back(call, i, share) : null));
};

/** y = −x: dx = −dy. */
export const neg: Rule = (call) => [call.k.neg(cotangentOf(call))];

/** y = |x|: dx = dy sign(x); 0 at 0, as in PyTorch. */
export const abs: Rule = elementwise(({ k }, x) => k.of('Sign', x));

/** y = √x: dx = dy / (2 y). */
export const sqrt: Rule = (call) => {
  const dy = cotangentOf(call);
  return [masked(call, dy, call.k.div(call.k.scale(0.5, dy), outputOf(call, 0)))];
};

/** y = 1 / x: dx = −dy y². */
export const reciprocal: Rule = (call) => {
  const dy = cotangentOf(call);
  return [masked(call, dy, call.k.neg(call.k.mul(dy, call.k.square(outputOf(call, 0)))))];
};

/**
 * y = bᵉ: db = dy e bᵉ⁻¹, de = dy y ln b. As in PyTorch, db = 0 where e = 0, and de = 0 where b = 0 and e ≥ 0.
 * A stored exponent gives shorter forms: e = 2: 2 b; e = 3: 3 b²; e = ½: 1 / (2 y); e = −1: −y².
 */
export const pow: Rule = (call) => {
  const { k } = call;
  const dy = cotangentOf(call);
  const [b, e] = [inputOf(call, 0), inputOf(call, 1)];
  return forNeeded(
    call,
    () => backMasked(call, 0, k.mul(dy, baseDerivative(call, b, e))),
    () => {
      const flat = k.compare('And', k.compare('Equal', b, k.c(0, b)), k.compare('GreaterOrEqual', e, k.c(0, e)));
      const log = k.of('Log', k.where(flat, 1, b));
      return backMasked(call, 1, k.mul(k.mul(dy, outputOf(call, 0)), k.cast(log, e.dtype)));
    },
  );
};

function baseDerivative(call: RuleCall, b: Value, e: Value): Value {
  const { k } = call;
  const y = (): Value => outputOf(call, 0);
  switch (call.constant(1)) {
    case 2:
      return k.scale(2, b);
    case 3:
      return k.scale(3, k.square(b));
    case 0.5:
      return k.div(k.c(0.5, b), y());
    case -1:
      return k.neg(k.square(y()));
    default: {
      const exponent = k.cast(e, b.dtype);
      const slope = k.mul(exponent, k.op('Pow', [b, k.plus(exponent, -1)]));
      return k.where(k.compare('Equal', exponent, k.c(0, exponent)), 0, slope);
    }
  }
}

/**
 * y = max(x₁ … xₙ) or min: dxᵢ = dy / n_tied where xᵢ = y, else 0. Tied operands share the gradient equally, as in PyTorch.
 */
export const extremum: Rule = (call) => {
  const { k } = call;
  const y = outputOf(call, 0);
  if (call.inputs.length === 1) return [cotangentOf(call)];
  const hits = call.inputs.map((_, i) => k.cast(k.compare('Equal', inputOf(call, i), y), y.dtype));
  const tied = hits.reduce((a, b) => k.add(a, b));
  const dy = cotangentOf(call);
  const share = masked(call, dy, k.div(dy, tied));
  return hits.map((hit, i) => (call.needs(i) ? back(call, i, k.mul(share, hit)) : null));
};

/**
 * y = min(max(x, lo), hi): dx = dy where lo ≤ x ≤ hi; d lo = Σ dy where x < lo < hi; d hi = Σ dy where x > hi or hi ≤ lo.
 * The gradient passes at the limits themselves. PyTorch 2.15 gives 0 there where they are stored, ½ where they are tensors.
 */
export const clip: Rule = (call) => {
  const { k } = call;
  const dy = cotangentOf(call);
  const x = inputOf(call, 0);
  const [lo = null, hi = null] = call.inputs.slice(1);
  const inside = [
    ...(lo ? [k.compare('GreaterOrEqual', x, lo)] : []),
    ...(hi ? [k.compare('LessOrEqual', x, hi)] : []),
  ];
  const both = (conditions: readonly Value[], join: 'And' | 'Or'): Value =>
    conditions.reduce((a, b) => k.compare(join, a, b));
  const total = (condition: Value, limit: Value): Value =>
    k.sumTo(k.where(condition, dy, 0), limit, { others: [null] });
  return forNeeded(
    call,
    () => (inside.length === 0 ? dy : k.where(both(inside, 'And'), dy, 0)),
    () => {
      const low = inputOf(call, 1);
      const below = [k.compare('Less', x, low), ...(hi ? [k.compare('Less', low, hi)] : [])];
      return total(both(below, 'And'), low);
    },
    () => {
      const high = inputOf(call, 2);
      const above = [k.compare('Greater', x, high)];
      if (lo) above.push(k.compare('LessOrEqual', high, lo));
      return total(both(above, 'Or'), high);
    },
  );
};

/** y = a where c, else b: da = dy where c, db = dy elsewhere. */
export const where: Rule = (call) => {
  const { k } = call;
  const dy = cotangentOf(call);
  const condition = inputOf(call, 0);
  return forNeeded(
    call,
    () => null,
    () => back(call, 1, k.where(condition, dy, 0)),
    () => back(call, 2, k.where(condition, 0, dy)),
  );
};

/** y = Cast(x) between float types: dx = Cast(dy). Identity, Dropout at inference and the like: dx = dy. */
export const cast: Rule = (call) => [call.k.cast(cotangentOf(call), inputOf(call, 0).dtype)];
