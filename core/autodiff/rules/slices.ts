// Derivatives of Slice and Pad: gradients go back between zeros, or along an index where the step is not 1.
import type { Value } from '../../onnx/shape.js';
import { cotangentOf, forNeeded, inputOf, rankOf, type Rule, type RuleCall } from '../rule.js';
import { addAlong } from './gathering.js';

interface Cut {
  readonly axis: number;
  /** One-dimensional tensors of one entry. */
  readonly start: Value;
  readonly end: Value;
  readonly step: Value;
}

/**
 * y = x[start : end : step] on some axes: dx is dy at these places and 0 elsewhere, axis after axis from the last.
 * Step 1: zeros before and after. Other steps: dx[j] = dy[place of j in the cut], else 0.
 */
export const slice: Rule = (call) => {
  const x = inputOf(call, 0);
  const rank = rankOf(call, x);
  const cuts = cutsOf(call, rank);
  const straight = cuts.filter((cut) => cut.step.values?.[0] === 1);
  let dx = cotangentOf(call);
  for (const cut of cuts) if (!straight.includes(cut)) dx = spread(call, dx, cut);
  if (straight.length > 0) dx = betweenZeros(call, dx, straight);
  return [dx];
};

function cutsOf(call: RuleCall, rank: number): Cut[] {
  const { k, g } = call;
  const [, starts, ends] = call.inputs;
  if (!starts || !ends)
    return call.refuse('starts and ends as inputs', 'attributes', 'Upgrade the opset to 13 or more.');
  const count = entriesOf(starts) ?? entriesOf(ends);
  const given = call.inputs[3];
  const axes = given ? given.values : Array.from({ length: count ?? 0 }, (_, axis) => axis);
  if (!axes || (count === null && !given))
    return call.refuse('axes known before the graph runs', 'computed ones', 'Store them.');
  return axes.map((axis, i) => ({
    axis: Number(axis) < 0 ? Number(axis) + rank : Number(axis),
    start: k.cast(k.entries(starts, i, i + 1), 'int64'),
    end: k.cast(k.entries(ends, i, i + 1), 'int64'),
    step: call.inputs[4] ? k.cast(k.entries(call.inputs[4], i, i + 1), 'int64') : g.integers(1),
  }));
}

function entriesOf(list: Value): number | null {
  const size = list.shape?.[0];
  return typeof size === 'number' ? size : null;
}

/** Zeros before and after dy on the axes of cuts with step 1, in one Pad over all axes. */
function betweenZeros(call: RuleCall, dy: Value, cuts: readonly Cut[]): Value {
  const { k, g } = call;
  const x = inputOf(call, 0);
  const rank = rankOf(call, x);
  const before: Value[] = Array.from({ length: rank }, () => g.integers(0));
  const after: Value[] = [...before];
  for (const { axis, start } of cuts) {
    const size = k.sizesOf(x, axis, axis + 1);
    const taken = k.sizesOf(dy, axis, axis + 1);
    const place = startPlace(call, start, { size, taken });
    before[axis] = place;
    after[axis] = numbers([size, taken, place], (n, m, p) => n - m - p, call) ?? k.sub(k.sub(size, taken), place);
  }
  const all = [...before, ...after];
  const known = all.map((entry) => entry.values?.[0]);
  const pads = known.every((n): n is number => typeof n === 'number') ? g.integers(...known) : k.concat(all, 0);
  if (known.every((n) => n === 0)) return dy;
  return g.op('Pad', [dy, pads], { ...(x.shape && { shape: x.shape }) });
}

/** Where a cut of `taken` entries begins: start, counted from the end where negative, within 0 … size − taken. */
function startPlace(call: RuleCall, start: Value, { size, taken }: { size: Value; taken: Value }): Value {
  const { k, g } = call;
  const first = start.values?.[0];
  if (first === 0) return g.integers(0);
  const known = numbers([start, size, taken], (s, n, m) => Math.max(0, Math.min(s < 0 ? s + n : s, n - m)), call);
  if (known) return known;
  const zero = g.integers(0);
  const last = k.sub(size, taken);
  const fromEnd =
    typeof first === 'number'
      ? first < 0
        ? k.add(start, size)
        : start
      : k.op('Where', [k.compare('Less', start, zero), k.add(start, size), start]);
  return k.op('Max', [k.op('Min', [fromEnd, last]), zero]);
}

/** The one-entry tensor of `of` over one-entry tensors whose numbers are all known, else null. */
function numbers(
  values: readonly [Value, Value, Value],
  of: (a: number, b: number, c: number) => number,
  { g }: RuleCall,
): Value | null {
  const [a, b, c] = values.map((value) => value.values?.[0]);
  if (typeof a !== 'number' || typeof b !== 'number' || typeof c !== 'number') return null;
  return g.integers(of(a, b, c));
}

/**
 * dx along one axis for any step: `taken` = the cut of 0 … n − 1; source[j] = m for entries that were not taken, else the
 * place in the cut; dx[j] = (dy, 0)[source[j]].
 */
function spread(call: RuleCall, dy: Value, { axis, start, end, step }: Cut): Value {
  const { k, g } = call;
  const x = inputOf(call, 0);
  const scalar = (entry: Value): Value => k.reshape(entry, g.integers());
  const range = (entry: Value): Value => k.op('Range', [g.integer(0), scalar(entry), g.integer(1)]);
  const size = k.sizesOf(x, axis, axis + 1);
  const count = k.sizesOf(dy, axis, axis + 1);
  const taken = k.op('Slice', [range(size), start, end, g.integers(0), step]);
  const source = k.op('ScatterElements', [k.op('Expand', [count, size]), taken, range(count)]);
  const rank = rankOf(call, x);
  const pads = Array.from({ length: 2 * rank }, (_, i) => (i === rank + axis ? 1 : 0));
  return k.op('Gather', [k.op('Pad', [dy, g.integers(...pads)]), source], { axis });
}

/**
 * y = x between pads: constant: dx = dy cut (negative pads), and the pad value takes the rest of Σ dy. Reflect, edge and wrap
 * copy entries of x: each axis is y = x[index], so dx is summed at that index.
 */
export const pad: Rule = (call) => {
  const { k } = call;
  const dy = cotangentOf(call);
  const mode = call.attributes.text('mode', 'constant');
  const pads = fullPads(call);
  if (mode !== 'constant') return [padded(call, dy, { mode, pads })];
  const cut = k.op('Pad', [dy, k.neg(pads)]);
  const total = (x: Value): Value => k.op('ReduceSum', [x], { keepdims: 0 });
  return forNeeded(
    call,
    () => cut,
    () => null,
    () => {
      const inner = k.op('Pad', [filledOnes(call), pads]);
      const outside = k.minusFrom(1, inner);
      const value = inputOf(call, 2);
      const sum = total(k.mul(dy, outside));
      return value.shape?.length === 0 ? sum : k.reshape(sum, k.g.integers(1));
    },
  );
};

function filledOnes(call: RuleCall): Value {
  const x = inputOf(call, 0);
  return call.k.op('Expand', [call.k.c(1, x), call.k.op('Shape', [x])]);
}

function padded(call: RuleCall, dy: Value, { mode, pads }: { mode: string; pads: Value }): Value {
  const { k, g } = call;
  const x = inputOf(call, 0);
  const rank = rankOf(call, x);
  let dx = dy;
  for (let axis = rank - 1; axis >= 0; axis--) {
    const both = [k.entries(pads, axis, axis + 1), k.entries(pads, rank + axis, rank + axis + 1)];
    if (both.every((entry) => entry.values?.[0] === 0)) continue;
    const size = k.sizesOf(x, axis, axis + 1);
    const range = k.op('Range', [g.integer(0), k.reshape(size, g.integers()), g.integer(1)]);
    const index = k.op('Pad', [range, k.concat(both, 0)], { mode });
    dx = addAlong(call, { updates: dx, index, size, axis });
  }
  return dx;
}

/** Pads of all axes: 2 × rank entries. Where the node names axes, the others get 0. */
function fullPads(call: RuleCall): Value {
  const { k, g } = call;
  const pads = inputOf(call, 1);
  const given = call.inputs[3];
  if (!given) return pads;
  const rank = rankOf(call, inputOf(call, 0));
  const axes = given.values?.map((axis) => (Number(axis) < 0 ? Number(axis) + rank : Number(axis)));
  if (!axes) return call.refuse('axes known before the graph runs', 'computed ones', 'Store them.');
  const side = (offset: number): Value[] =>
    Array.from({ length: rank }, (_, axis) => {
      const at = axes.indexOf(axis);
      return at < 0 ? g.integers(0) : k.entries(pads, offset + at, offset + at + 1);
    });
  return k.concat([...side(0), ...side(axes.length)], 0);
}
