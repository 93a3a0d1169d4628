// Derivatives of operators that read or write at computed places. Gradients are added with ScatterElements, never with
// ScatterND: on the CPU, ScatterND adds duplicates from several threads at once and loses some.
import type { Value } from '../../onnx/shape.js';
import { axisOf, cotangentOf, forNeeded, inputOf, outputOf, rankOf, type Rule, type RuleCall } from '../rule.js';

/**
 * y = x[…, index, …] along an axis: dx[…, index, …] += dy. With x [P, n, Q] (axes before, of, after) and m indices, dy is
 * [P, m, Q].
 */
export const gather: Rule = (call) => {
  const x = inputOf(call, 0);
  const index = inputOf(call, 1);
  const axis = axisOf(call, x, call.attributes.int('axis', 0));
  const size = call.k.sizesOf(x, axis, axis + 1);
  const flat = call.k.reshape(index, call.g.integers(-1));
  const dx = addAlong(call, { updates: cotangentOf(call), index: flat, size, axis });
  return [call.k.reshapeLike(dx, x)];
};

interface Addition {
  /** [P…, m…, Q…], where P are the axes of x before `axis` and Q those after. */
  readonly updates: Value;
  /** [m], 0 … size − 1, negative ones from the end. */
  readonly index: Value;
  /** One entry: n. */
  readonly size: Value;
  readonly axis: number;
}

/** Σ of updates at their indices along one axis: a tensor [P…, n, Q…]. */
export function addAlong(call: RuleCall, { updates, index, size, axis }: Addition): Value {
  const { k, g } = call;
  const x = inputOf(call, 0);
  const rank = rankOf(call, x);
  const before = k.sizesOf(updates, 0, axis);
  const after = k.sizesOf(x, axis + 1, rank);
  const P = axis === 0 ? [] : [k.productOf(before)];
  const Q = axis === rank - 1 ? [] : [k.productOf(after)];
  const m = k.sizesOf(index, 0, 1);
  const flat = call.k.join([...P, m, ...Q]);
  const places = k.op('Expand', [Q.length === 0 ? index : k.op('Unsqueeze', [index, g.integers(1)]), flat]);
  const zeros = k.op('Expand', [k.c(0, updates), call.k.join([...P, size, ...Q])]);
  const added = k.op('ScatterElements', [zeros, places, k.reshape(updates, flat)], {
    axis: P.length,
    reduction: 'add',
  });
  if (axis <= 1 && rank - axis <= 2) return added;
  const [head, tail] = [axis === 0 ? [] : [before], Q.length === 0 ? [] : [after]];
  return k.reshape(added, call.k.join([...head, size, ...tail]));
}

/** y = x at an index per element along an axis: dx[index] += dy. */
export const gatherElements: Rule = (call) => {
  const axis = call.attributes.int('axis', 0);
  const zeros = call.k.filledLike(inputOf(call, 0));
  const inputs = [zeros, inputOf(call, 1), cotangentOf(call)];
  return [call.k.op('ScatterElements', inputs, { axis, reduction: 'add' })];
};

/** y = the k greatest (or least) of x with their places i: dx[i] = dy; places are distinct. */
export const topK: Rule = (call) => {
  const axis = call.attributes.int('axis', -1);
  const zeros = call.k.filledLike(inputOf(call, 0));
  const inputs = [zeros, outputOf(call, 1), cotangentOf(call)];
  return [call.k.op('ScatterElements', inputs, { axis })];
};

/**
 * y = x[index] with an index of d entries per row, after b common axes: x as [B, n₁ … n_d, R], the index as one number
 * Σ iⱼ ∏_{l>j} n_l in a table of rows [B ∏n, R]; dx = dy added at these rows.
 */
export const gatherND: Rule = (call) => {
  const { k, g } = call;
  const x = inputOf(call, 0);
  const index = inputOf(call, 1);
  const batch = call.attributes.int('batch_dims', 0);
  const [rank, depth] = [rankOf(call, x), depthOf(call, index)];
  const sizes = k.sizesOf(x, batch, batch + depth);
  const rows = flatRows(call, { index, sizes, depth, batch });
  const common = k.sizesOf(x, 0, batch + depth);
  const R = rank > batch + depth ? [k.productOf(k.sizesOf(x, batch + depth, rank))] : [];
  const table = call.k.join([k.productOf(common), ...R]);
  const zeros = k.op('Expand', [k.c(0, x), table]);
  const target = call.k.join([k.sizesOf(rows, 0, 1), ...R]);
  const places = k.op('Expand', [R.length === 0 ? rows : k.op('Unsqueeze', [rows, g.integers(1)]), target]);
  const updates = k.reshape(cotangentOf(call), target);
  const added = k.op('ScatterElements', [zeros, places, updates], { axis: 0, reduction: 'add' });
  return [k.reshapeLike(added, x)];
};

function depthOf(call: RuleCall, index: Value): number {
  const depth = index.shape?.at(-1);
  return typeof depth === 'number'
    ? depth
    : call.refuse('a last axis of indices of known size', String(depth), 'Declare its size.');
}

/** The index [B…, m…, d] as row numbers [B m]. */
function flatRows(
  call: RuleCall,
  { index, sizes, depth, batch }: { index: Value; sizes: Value; depth: number; batch: number },
): Value {
  const { k, g } = call;
  const wide = k.cast(index, 'int64');
  const fromFront = k.op('Where', [k.compare('Less', wide, g.integer(0)), k.add(wide, sizes), wide]);
  const strides = Array.from({ length: depth }, (_, j) =>
    j === depth - 1 ? g.integers(1) : k.productOf(k.entries(sizes, j + 1, depth)),
  );
  const weighted = k.mul(fromFront, call.k.join(strides));
  const inside = k.op('ReduceSum', [weighted, g.integers(-1)], { keepdims: 0 });
  if (batch === 0) return k.reshape(inside, g.integers(-1));
  const groups = k.productOf(k.sizesOf(index, 0, batch));
  const numbers = k.op('Range', [g.integer(0), k.reshape(groups, g.integers()), g.integer(1)]);
  const offsets = k.op('Unsqueeze', [k.mul(numbers, k.productOf(sizes)), g.integers(1)]);
  const grouped = k.reshape(inside, call.k.join([groups, g.integers(-1)]));
  return k.reshape(k.add(grouped, offsets), g.integers(-1));
}

/**
 * y = x with u written at places i: dx = dy with 0 there, du = dy[i]. Reduction add: dx = dy, du = dy[i].
 * Places named twice: ONNX leaves open which u stays, and so does du.
 */
export const scatterElements: Rule = (call) => {
  const { k } = call;
  const dy = cotangentOf(call);
  const index = inputOf(call, 1);
  const attributes = { axis: call.attributes.int('axis', 0) };
  const adds = addsTo(call);
  const zeros = (): Value => k.filledLike(inputOf(call, 2));
  return forNeeded(
    call,
    () => (adds ? dy : k.op('ScatterElements', [dy, index, zeros()], attributes)),
    () => null,
    () => k.op('GatherElements', [dy, index], attributes),
  );
};

/** As scatterElements, with an index of several entries per slice of u. */
export const scatterND: Rule = (call) => {
  const { k } = call;
  const dy = cotangentOf(call);
  const index = inputOf(call, 1);
  const adds = addsTo(call);
  const zeros = (): Value => k.op('Expand', [k.c(0, dy), k.shapeOf(inputOf(call, 2))]);
  return forNeeded(
    call,
    () => (adds ? dy : k.op('ScatterND', [dy, index, zeros()])),
    () => null,
    () => k.op('GatherND', [dy, index]),
  );
};

function addsTo(call: RuleCall): boolean {
  const reduction = call.attributes.text('reduction', 'none');
  if (reduction === 'add' || reduction === 'none') return reduction === 'add';
  return call.refuse('reduction none or add', reduction, 'Export the model without it.');
}
