// Derivatives of attention as one operator. With heads apart, q [B, H, S, D], k [B, H, T, D], v [B, H, T, D′]:
//   scores = c q kᵀ + mask     P = softmax(scores) over T     y = P v
//   dv = Pᵀ dy     dP = dy vᵀ     dS = P ∘ (dP − Σ_T dP ∘ P)     dq = c dS k     dk = c dSᵀ q     dmask = dS
// P is computed anew: the operator hides it. A query that sees no key gives 0 (Attention), so P is 0 there. Heads that share keys and values (grouped queries) add up their gradients.
// Source: Vaswani et al. 2017. Departures: none; caches of past keys and capped scores are refused.
import { ATTRIBUTE_TYPE } from '../../onnx/make.js';
import type { Value } from '../../onnx/shape.js';
import { cotangentOf, forNeeded, inputOf, maskedRows, rankOf, type Rule, type RuleCall } from '../rule.js';
import { product } from './products.js';

interface Heads {
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
  /** Added to the scores, or kept where true. */
  readonly mask: Value | null;
  /** Queries see keys up to their own place. */
  readonly causal: boolean;
  /** Factor of the scores; null: 1 / √D. */
  readonly scale: number | null;
  /** Whether a query that sees no key has the result 0; else its result is none. */
  readonly zeroUnseen: boolean;
}

interface HeadGradients {
  readonly dq: Value;
  readonly dk: Value;
  readonly dv: Value;
  readonly dScores: Value;
}

const EAGER = "Export the model with attn_implementation='eager'.";

/** Attention of opset 23: Q, K, V [B, H, S, D] or [B, S, H D], a mask, K and V for groups of heads. */
export const attention: Rule = (call) => {
  const { attributes } = call;
  refuseBeyond(call, { inputs: [4, 5, 6], outputs: [1, 2, 3] });
  if (attributes.float('softcap', 0) !== 0)
    call.refuse('scores without softcap', `softcap ${attributes.float('softcap', 0)}`, EAGER);
  const [Q, K, V] = [inputOf(call, 0), inputOf(call, 1), inputOf(call, 2)];
  const heads = attributes.int('q_num_heads', 0) || sizeAt(call, Q);
  const groups = attributes.int('kv_num_heads', 0) || sizeAt(call, K);
  const q = apart(call, Q, heads);
  const mask = call.inputs[3] ?? null;
  const causal = attributes.int('is_causal', 0) === 1;
  const scale = attributes.has('scale') ? attributes.float('scale', 1) : null;
  const shared = { k: apart(call, K, groups), v: apart(call, V, groups) };
  const repeat = heads / groups;
  const k = repeated(call, shared.k, repeat);
  const v = repeated(call, shared.v, repeat);
  const dy = apart(call, cotangentOf(call), heads);
  const back = headGradients(call, { q, k, v, mask, causal, scale, zeroUnseen: true }, dy);
  return forNeeded(
    call,
    () => together(call, back.dq, Q),
    () => together(call, gathered(call, back.dk, { repeat, like: shared.k }), K),
    () => together(call, gathered(call, back.dv, { repeat, like: shared.v }), V),
    () => (mask ? call.k.sumTo(back.dScores, mask, { others: [back.dScores] }) : null),
  );
};

/** com.microsoft.MultiHeadAttention: query [B, S, H D], key and value [B, T, H D], bias [3 H D], bias of the scores. */
export const multiHeadAttention: Rule = (call) => {
  const { k, g, attributes } = call;
  refuseBeyond(call, { inputs: [4, 6, 7, 8, 9], outputs: [1, 2, 3] });
  const parts = [inputOf(call, 0), inputOf(call, 1), inputOf(call, 2)];
  const odd = parts.find((part) => rankOf(call, part) !== 3);
  if (odd) call.refuse('query, key and value of rank 3', `rank ${rankOf(call, odd)}`, EAGER);
  const heads = attributes.int('num_heads', 1);
  const bias = call.inputs[3] ?? null;
  const widths = parts.map((part) => k.sizesOf(part, 2, 3));
  const biases = bias ? g.ops('Split', [bias, k.concat(widths, 0)], { outputs: 3, attributes: { axis: 0 } }) : null;
  const shifted = parts.map((part, i) => (biases?.[i] ? k.add(part, biases[i]) : part));
  const [q, key, v] = shifted.map((part) => apart(call, part, heads)) as [Value, Value, Value];
  const mask = call.inputs[5] ?? null;
  const causal = attributes.int('unidirectional', 0) === 1;
  const scale = attributes.float('scale', 0) === 0 ? null : attributes.float('scale', 0);
  const dy = apart(call, cotangentOf(call), heads);
  const back = headGradients(call, { q, k: key, v, mask, causal, scale, zeroUnseen: false }, dy);
  const whole = [back.dq, back.dk, back.dv].map((d, i) => together(call, d, parts[i] as Value));
  const summed = (d: Value): Value => k.op('ReduceSum', [d, g.integers(0, 1)], { keepdims: 0 });
  return forNeeded(
    call,
    ...whole.map((d) => () => d),
    () => (bias ? k.concat(whole.map(summed), 0) : null),
    () => null,
    () => (mask ? k.sumTo(back.dScores, mask, { others: [back.dScores] }) : null),
  );
};

function headGradients(call: RuleCall, heads: Heads, dy: Value): HeadGradients {
  const { k: e } = call;
  const { q, k, v } = heads;
  const scale = factor(call, heads);
  const scores = masked(call, e.mul(product(e, [q, k], { transB: true }), scale), heads);
  const P = maskedRows(call, probabilities(call, scores, heads), { dy, axes: [-1] });
  const weighted = e.mul(product(e, [dy, v], { transB: true }), P);
  const dScores = e.sub(weighted, e.mul(P, e.sum(weighted, [-1])));
  const scaled = e.mul(dScores, scale);
  return {
    dq: product(e, [scaled, k]),
    dk: product(e, [scaled, q], { transA: true }),
    dv: product(e, [P, dy], { transA: true }),
    dScores,
  };
}

function factor({ k: e }: RuleCall, { q, scale }: Heads): Value {
  if (scale !== null) return e.c(scale, q);
  const size = e.reshape(e.sizesOf(q, 3, 4), e.g.integers());
  return e.of('Reciprocal', e.of('Sqrt', e.cast(size, q.dtype)));
}

/** softmax(scores) over the keys; 0 for a key whose score is −∞, also where all of them are. */
function probabilities({ k: e }: RuleCall, scores: Value, { mask, causal, zeroUnseen }: Heads): Value {
  const P = e.op('Softmax', [scores], { axis: -1 });
  if (!zeroUnseen || (mask === null && !causal)) return P;
  return e.where(e.compare('Equal', scores, e.c(-Infinity, scores)), 0, P);
}

/** Scores with −∞ where a query does not see a key. */
function masked(call: RuleCall, scores: Value, { q, k, mask, causal }: Heads): Value {
  const { k: e, g } = call;
  let result = scores;
  if (mask) result = mask.dtype === 'bool' ? e.where(mask, result, -Infinity) : e.add(result, mask);
  if (!causal) return result;
  const square = e.concat([e.sizesOf(q, 2, 3), e.sizesOf(k, 2, 3)], 0);
  const seen = e.op('Trilu', [e.op('Expand', [g.integers(1), square])], { upper: 0 });
  return e.where(e.cast(seen, 'bool'), result, -Infinity);
}

/** x [B, S, H D] as [B, H, S, D]; one of four axes is so already. */
function apart(call: RuleCall, x: Value, heads: number): Value {
  if (rankOf(call, x) === 4) return x;
  const { k, g } = call;
  return k.transpose(k.reshape(x, g.integers(0, 0, heads, -1)), [0, 2, 1, 3]);
}

/** The gradient of x, from [B, H, S, D]. */
function together({ k }: RuleCall, d: Value, x: Value): Value {
  return x.shape?.length === 4 ? d : k.reshapeLike(k.transpose(d, [0, 2, 1, 3]), x);
}

/** Each head `times` times: [B, G, T, D] → [B, G times, T, D]. */
function repeated({ k, g }: RuleCall, x: Value, times: number): Value {
  if (times === 1) return x;
  const sizes = [k.sizesOf(x, 0, 2), g.integers(times), k.sizesOf(x, 2, 4)];
  const wide = k.op('Expand', [k.op('Unsqueeze', [x, g.integers(2)]), k.concat(sizes, 0)]);
  const merged = [k.sizesOf(x, 0, 1), g.integers(-1), k.sizesOf(x, 2, 4)];
  return k.reshape(wide, k.concat(merged, 0));
}

/** What arrives at repeated heads, summed: [B, G times, T, D] → [B, G, T, D]. */
function gathered({ k, g }: RuleCall, d: Value, { repeat, like }: { repeat: number; like: Value }): Value {
  if (repeat === 1) return d;
  const sizes = [k.sizesOf(like, 0, 2), g.integers(repeat), k.sizesOf(like, 2, 4)];
  const parted = k.reshape(d, k.concat(sizes, 0));
  return k.op('ReduceSum', [parted, g.integers(2)], { keepdims: 0 });
}

function sizeAt(call: RuleCall, x: Value): number {
  const size = rankOf(call, x) === 4 ? call.g.sizeOf(x.shape?.[1] ?? '') : null;
  return size ?? call.refuse(`a known number of heads in "${x.name}"`, 'none', EAGER);
}

/** Refuses caches and what else the rule does not know. */
function refuseBeyond(
  call: RuleCall,
  { inputs, outputs }: { inputs: readonly number[]; outputs: readonly number[] },
): void {
  const input = inputs.find((i) => call.inputs[i]);
  if (input !== undefined) call.refuse('no cache and no lengths', `input ${input}`, EAGER);
  const output = outputs.find((i) => call.cotangents[i]);
  if (output !== undefined) call.refuse('gradients at the result alone', `one at output ${output}`, EAGER);
}

/**
 * y = x turned by angles, (y₁, y₂) = (x₁ cos − x₂ sin, x₂ cos + x₁ sin) for pairs of entries: dx = dy turned back, the same
 * operator with −sin. The tables of cosines and sines are taken as constants.
 */
export function rotary(domain: string, sines: number): Rule {
  return (call) => {
    if (call.needs(sines) || call.needs(sines - 1))
      call.refuse('constant tables of angles', 'tables that are differentiated', EAGER);
    const { node, g, k } = call;
    const inputs = call.inputs.map((value, i) => {
      if (i === 0) return cotangentOf(call);
      return i === sines && value ? k.neg(value) : value;
    });
    const attributes = Object.fromEntries(
      node.attribute.map(({ name = '', type, i = 0, f = 0 }) => [
        name,
        type === ATTRIBUTE_TYPE.FLOAT ? { f } : Number(i),
      ]),
    );
    return [g.op('RotaryEmbedding', inputs, { attributes, ...(domain && { domain }) })];
  };
}
