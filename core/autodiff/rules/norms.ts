// Derivatives of normalisations. With x̂ = (x − μ) / σ, σ = √(var + ε), over n entries, y = x̂ γ + β and ĝ = dy γ:
//   dx = (ĝ − mean(ĝ) − x̂ mean(ĝ x̂)) / σ        dγ = Σ dy x̂        dβ = Σ dy
// Without centring (RMS: μ = 0, σ = √(mean x² + ε)) the term mean(ĝ) is absent.
// Half precision is normed in float32, as the operators do themselves: x² overflows float16 from 256 on.
// Source: Ba, Kiros, Hinton 2016; Zhang, Sennrich 2019. Proved by finite differences and by PyTorch's gradients of the fixtures.
import type { Value } from '../../onnx/shape.js';
import { axisOf, cotangentOf, forNeeded, inputOf, maskedRows, rankOf, type Rule, type RuleCall } from '../rule.js';

interface Normalised {
  readonly x_hat: Value;
  /** 1 / σ, broadcast over the normalised axes. */
  readonly inverse: Value;
  readonly axes: readonly number[];
  readonly centred: boolean;
}

/** A rule that computes in float32 where the node's tensors are float16; gradients come back in the types of the inputs. */
function inFloat32(rule: Rule): Rule {
  return (call) => {
    if (inputOf(call, 0).dtype !== 'float16') return rule(call);
    const wide = (values: RuleCall['inputs']): (Value | null)[] =>
      values.map((value) => (value?.dtype === 'float16' ? call.k.cast(value, 'float32') : value));
    const { inputs, outputs, cotangents } = call;
    const gradients = rule({
      ...call,
      inputs: wide(inputs),
      outputs: wide(outputs),
      cotangents: wide(cotangents),
    });
    return gradients.map((gradient, i) => gradient && call.k.cast(gradient, inputs[i]?.dtype ?? 'float16'));
  };
}

/** The axes from the node's axis to the last. */
function normalisedAxes(call: RuleCall, x: Value): number[] {
  const axis = call.attributes.int('axis', -1);
  if (axis === -1) return [-1];
  const rank = rankOf(call, x);
  const first = axisOf(call, x, axis);
  return Array.from({ length: rank - first }, (_, i) => first + i);
}

/** x̂ and 1/σ computed anew from x. */
function normalise(
  call: RuleCall,
  x: Value,
  { axes, epsilon, centred }: { axes: readonly number[]; epsilon: number; centred: boolean },
): Normalised {
  const { k } = call;
  const middle = centred ? k.sub(x, k.mean(x, axes)) : x;
  const variance = k.mean(k.square(middle), axes);
  const inverse = k.of('Reciprocal', k.of('Sqrt', k.plus(variance, epsilon)));
  return { x_hat: k.mul(middle, inverse), inverse, axes, centred };
}

/** ĝ → dx. */
function normaliseBack(call: RuleCall, ghat: Value, normalised: Normalised): Value {
  const { k } = call;
  const { x_hat, inverse, axes, centred } = normalised;
  const along = k.mul(x_hat, k.mean(k.mul(ghat, x_hat), axes));
  const rest = centred ? k.sub(ghat, k.mean(ghat, axes)) : ghat;
  return k.mul(k.sub(rest, along), inverse);
}

/**
 * LayerNormalization(x, γ, β) → y, μ, 1/σ. Gradients that arrive at the optional outputs: dμ adds dμ / n, d(1/σ) adds
 * −d(1/σ) x̂ / (σ² n).
 */
export const layerNormalization: Rule = inFloat32((call) => {
  const { k, attributes } = call;
  const x = inputOf(call, 0);
  const normalised = reuse(call, x, {
    epsilon: attributes.float('epsilon', 1e-5),
    mean: call.outputs[1],
    inverse: call.outputs[2],
  });
  const [dy = null, dMean = null, dInverse = null] = call.cotangents;
  return affineGradients(call, { x, dy, normalised }, (dx) => {
    const { x_hat, inverse, axes } = normalised;
    const share = (c: Value): Value => k.div(c, count(call, x, axes));
    const fromMean = dMean ? add(call, dx, share(dMean)) : dx;
    if (!dInverse) return fromMean;
    const scale = share(k.neg(k.mul(dInverse, k.square(inverse))));
    return add(call, fromMean, k.mul(x_hat, scale));
  });
});

/** RMSNormalization and SimplifiedLayerNormalization(x, γ) → y, 1/σ. */
export const rmsNormalization: Rule = inFloat32((call) => {
  const { k, attributes } = call;
  const x = inputOf(call, 0);
  const epsilon = attributes.float('epsilon', 1e-5);
  const axes = normalisedAxes(call, x);
  const given = call.outputs[1];
  const normalised =
    given?.dtype === x.dtype
      ? { x_hat: k.mul(x, given), inverse: given, axes, centred: false }
      : normalise(call, x, { axes, epsilon, centred: false });
  const [dy = null, dInverse = null] = call.cotangents;
  return affineGradients(call, { x, dy, normalised }, (dx) => {
    if (!dInverse) return dx;
    const scale = k.div(k.neg(k.mul(dInverse, k.square(normalised.inverse))), count(call, x, axes));
    return add(call, dx, k.mul(normalised.x_hat, scale));
  });
});

/** dx, dγ and dβ of inputs 0, 1, 2; `more` adds what arrives at further outputs. */
function affineGradients(
  call: RuleCall,
  { x, dy, normalised: own }: { x: Value; dy: Value | null; normalised: Normalised },
  more: (dx: Value | null) => Value | null,
): (Value | null)[] {
  const { k } = call;
  const normalised = dy ? settled(call, own, dy) : own;
  const gain = call.inputs[1] ?? null;
  return forNeeded(
    call,
    () => more(dy ? normaliseBack(call, gain ? k.mul(dy, gain) : dy, normalised) : null),
    () => (dy ? k.sumTo(k.mul(dy, normalised.x_hat), inputOf(call, 1), { others: [x] }) : null),
    () => (dy ? k.sumTo(dy, inputOf(call, 2), { others: [x] }) : null),
  );
}

/** x̂ and 1/σ, 0 in rows that no gradient reaches where the node is guarded. */
function settled(call: RuleCall, normalised: Normalised, dy: Value): Normalised {
  const { axes, x_hat, inverse } = normalised;
  const settle = (value: Value): Value => maskedRows(call, value, { dy, axes });
  return { ...normalised, x_hat: settle(x_hat), inverse: settle(inverse) };
}

/** x̂ and 1/σ from the node's own optional outputs where it has them in x's type, else computed anew. */
function reuse(
  call: RuleCall,
  x: Value,
  { epsilon, mean, inverse }: { epsilon: number; mean: Value | null | undefined; inverse: Value | null | undefined },
): Normalised {
  const { k } = call;
  const axes = normalisedAxes(call, x);
  if (mean?.dtype !== x.dtype || inverse?.dtype !== x.dtype)
    return normalise(call, x, { axes, epsilon, centred: true });
  return { x_hat: k.mul(k.sub(x, mean), inverse), inverse, axes, centred: true };
}

function add({ k }: RuleCall, dx: Value | null, more: Value): Value {
  return dx ? k.add(dx, more) : more;
}

/** Number of entries along axes, in x's element type. */
function count(call: RuleCall, x: Value, axes: readonly number[]): Value {
  const { k } = call;
  const sizes = axes.map((axis) => {
    const at = axisOf(call, x, axis);
    return k.sizesOf(x, at, at + 1);
  });
  const known = sizes.map((size) => size.values?.[0]);
  if (known.every((n): n is number => typeof n === 'number'))
    return k.c(
      known.reduce((a, b) => a * b, 1),
      x,
    );
  return k.cast(
    sizes.reduce((a, b) => k.mul(a, b)),
    x.dtype,
  );
}

/**
 * com.microsoft.SkipLayerNormalization(x, skip, γ, β, b) → y, μ, 1/σ, s: LayerNormalization of s = x + skip + b; what arrives
 * at s is added to its gradient. Every summand gets ds. The simplified one has no β: (x, skip, γ, b).
 */
export function skipNormalization(centred: boolean): Rule {
  return inFloat32((call) => {
    const { k } = call;
    const [x, skip, gain] = [inputOf(call, 0), inputOf(call, 1), inputOf(call, 2)];
    const shift = centred ? 3 : null;
    const bias = centred ? 4 : 3;
    const { inputs, outputs, cotangents, attributes } = call;
    const s = outputs[3] ?? sumOf(call, [x, skip, inputs[bias] ?? null]);
    if (cotangents[1] ?? cotangents[2])
      call.refuse('gradients at outputs 0 and 3', 'one at mean or scale', 'Decompose the node.');
    const epsilon = attributes.float('epsilon', 1e-12);
    const dy = cotangents[0] ?? null;
    const own = normalise(call, s, { axes: [-1], epsilon, centred });
    const normalised = dy ? settled(call, own, dy) : own;
    const inner = dy ? normaliseBack(call, k.mul(dy, gain), normalised) : null;
    const ds = [inner, cotangents[3] ?? null].flatMap((d) => d ?? []).reduce((a, b) => k.add(a, b));
    return inputs.map((input, i) => {
      if (!input || !call.needs(i)) return null;
      if (i === 2) return dy ? k.sumTo(k.mul(dy, normalised.x_hat), gain, { others: [x] }) : null;
      if (i === shift) return dy ? k.sumTo(dy, input, { others: [x] }) : null;
      return i === 0 || i === 1 || i === bias ? k.sumTo(ds, input, { others: [x] }) : null;
    });
  });
}

function sumOf({ k }: RuleCall, values: readonly (Value | null)[]): Value {
  return values.flatMap((value) => value ?? []).reduce((a, b) => k.add(a, b));
}

/**
 * GroupNormalization(x [N, C, …], γ, β): x as [N, G, −1] normalised over the last axis; γ and β per channel (opset 21) or per
 * group (before). InstanceNormalization is the case of one channel per group.
 */
export const groupNormalization: Rule = inFloat32((call) => {
  const { attributes } = call;
  const groups = attributes.int('num_groups', 1);
  return groupGradients(call, call.g.integers(0, groups, -1), attributes.float('epsilon', 1e-5));
});

/** InstanceNormalization(x [N, C, …], γ, β). */
export const instanceNormalization: Rule = inFloat32((call) =>
  groupGradients(call, call.g.integers(0, 0, -1), call.attributes.float('epsilon', 1e-5)),
);

function groupGradients(call: RuleCall, grouped: Value, epsilon: number): (Value | null)[] {
  const { k, g } = call;
  const [x, gain] = [inputOf(call, 0), inputOf(call, 1)];
  const dy = cotangentOf(call);
  const rank = rankOf(call, x);
  const flat = k.reshape(x, grouped);
  // Rows that γ and β belong to: [N, rows of γ, −1] is x seen by channel, or by group.
  const rows = k.sizesOf(gain, 0, 1);
  const byRow = (value: Value): Value => k.reshape(value, k.concat([g.integers(0), rows, g.integers(-1)], 0));
  const column = k.op('Unsqueeze', [gain, g.integers(1)]);
  const scaled = k.reshape(k.mul(byRow(dy), column), grouped);
  const own = normalise(call, flat, { axes: [-1], epsilon, centred: true });
  const normalised = settled(call, own, k.reshape(dy, grouped));
  const total = (value: Value): Value => k.op('ReduceSum', [value, g.integers(0, 2)], { keepdims: 0 });
  if (rank < 2) call.refuse('a batch axis and channels', `rank ${rank}`, 'Correct the graph.');
  return forNeeded(
    call,
    () => k.reshapeLike(normaliseBack(call, scaled, normalised), x),
    () => total(k.mul(byRow(dy), byRow(normalised.x_hat))),
    () => total(byRow(dy)),
  );
}
