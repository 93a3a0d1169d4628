// The parts that architectures are made of, as graph nodes: linear maps, norms, activations, causal attention. Activations keep
// the axes [batch, pos, width]; matrices are applied to rows [batch·pos, width], where one Gemm does product and bias.
//
//   LayerNorm(x) = (x − mean x) / √(var x + ε) · γ + β          Ba et al. 2016
//   RMSNorm(x) = x / √(mean x² + ε) · γ                         Zhang and Sennrich 2019
//   pattern = softmax(q kᵀ / √d_head + mask), z = pattern v      Vaswani et al. 2017; mask = lowest float where key > query
import type { GraphBuilder } from '../onnx/builder.js';
import { makeTensor } from '../onnx/make.js';
import type { Dim, Value } from '../onnx/shape.js';
import type { ForwardInputs, Kernels } from './architecture.js';
import type { ActivationName } from './model-spec.js';

/** Most negative float32: added to a score, it leaves nothing of it after the softmax. */
const LOWEST = -3.4028234663852886e38;

/** The target of a Reshape to [batch, pos, ...tail]. */
export function shapeOver(g: GraphBuilder, ids: Value, tail: readonly number[]): Value {
  const sizes = (ids.shape ?? []).map((dim) => g.sizeOf(dim));
  if (sizes.every((size): size is number => size !== null)) return g.integers(...sizes, ...tail);
  return g.op('Concat', [g.op('Shape', [ids]), g.integers(...tail)], { attributes: { axis: 0 } });
}

export interface Linear {
  /** [batch, pos, in], or rows [batch·pos, in]. */
  readonly x: Value;
  /** [in, out], or [out, in] where `transposed`. */
  readonly weight: Value;
  readonly bias?: Value;
  readonly transposed?: boolean;
  /** Sizes of [in, out] as numbers. */
  readonly sizes: readonly [number, number];
  readonly ids: Value;
}

/** x W + b, or x Wᵀ + b for a transposed weight, with the leading axes of x. */
export function buildLinear(g: GraphBuilder, linear: Linear): Value {
  const { x, weight, bias, transposed = false, sizes, ids } = linear;
  const flat = x.shape?.length === 2;
  const rows = flat ? x : g.op('Reshape', [x, g.integers(-1, sizes[0])]);
  const product = g.op('Gemm', [rows, weight, ...(bias ? [bias] : [])], {
    attributes: transposed ? { transB: 1 } : {},
  });
  return flat ? product : g.op('Reshape', [product, shapeOver(g, ids, [sizes[1]])]);
}

/**
 * The residual stream as its blocks read it: rows [batch·pos, d_model] for fused kernels, which spares every linear map two
 * views; else [batch, pos, d_model] as exporters write it.
 */
export function buildStream(g: GraphBuilder, x: Value, { spec, kernels }: ForwardInputs): Value {
  return kernels === 'fused' ? g.op('Reshape', [x, g.integers(-1, spec.width)]) : x;
}

/** LayerNorm over the last axis. With fused kernels mean and 1/σ are outputs too, so that its gradient need not find them anew. */
export function buildLayerNorm(
  g: GraphBuilder,
  [x, weight, bias]: readonly [Value, Value, Value],
  { normEpsilon, kernels }: { readonly normEpsilon: number; readonly kernels: Kernels },
): Value {
  const [y] = g.ops('LayerNormalization', [x, weight, bias], {
    outputs: kernels === 'fused' ? 3 : 1,
    attributes: { axis: -1, epsilon: { f: normEpsilon } },
  });
  return y as Value;
}

/** RMSNorm over the last axis. */
export function buildRmsNorm(g: GraphBuilder, [x, weight]: readonly [Value, Value], epsilon: number): Value {
  const square = g.op('Pow', [x, g.scalar(2)]);
  const mean = g.op('ReduceMean', [square, g.integers(-1)], { attributes: { keepdims: 1 } });
  const scale = g.op('Sqrt', [g.op('Add', [mean, g.scalar(epsilon)])]);
  return g.op('Mul', [weight, g.op('Mul', [x, g.op('Reciprocal', [scale])])]);
}

const ACTIVATIONS: Readonly<Record<ActivationName, (g: GraphBuilder, x: Value) => Value>> = {
  gelu_tanh: (g, x) => g.op('Gelu', [x], { attributes: { approximate: 'tanh' } }),
  gelu: (g, x) => g.op('Gelu', [x]),
  relu: (g, x) => g.op('Relu', [x]),
  silu: (g, x) => g.op('Mul', [x, g.op('Sigmoid', [x])]),
};

/** The activation by name. */
export function buildActivation(g: GraphBuilder, name: ActivationName, x: Value): Value {
  return ACTIVATIONS[name](g, x);
}

/**
 * What is added to scores [.., query, key]: 0 where the key is not after the query (and no padding), else the lowest float.
 * [pos, pos] where sizes are numbers and nothing is padded, else built when the graph runs.
 */
export function buildCausalMask(g: GraphBuilder, { ids, attentionMask }: ForwardInputs): Value {
  const pos = g.sizeOf(ids.shape?.[1] ?? '?');
  if (pos !== null && attentionMask === undefined) {
    const data = new Float32Array(pos * pos);
    for (let query = 0; query < pos; query++) data.fill(LOWEST, query * pos + query + 1, (query + 1) * pos);
    return g.initializer(makeTensor(g.fresh('causal_mask'), { dims: [pos, pos], data }));
  }
  const keys = positions(g, ids);
  const queries = g.op('Unsqueeze', [keys, g.integers(1)]);
  let seen = g.op('LessOrEqual', [keys, queries]);
  if (attentionMask) {
    const token = g.op('Cast', [attentionMask], { attributes: { to: 9 } });
    seen = g.op('And', [seen, g.op('Unsqueeze', [token, g.integers(1, 2)])]);
  }
  return g.op('Where', [seen, g.scalar(0), g.scalar(LOWEST)]);
}

/** 0 … pos − 1 [pos] int64, for ids whose sizes are known when the graph runs. */
export function positions(g: GraphBuilder, ids: Value): Value {
  const length = g.op('Shape', [ids], { attributes: { start: 1, end: 2 } });
  const count = g.op('Squeeze', [length, g.integers(0)]);
  return g.op('Range', [g.integer(0), count, g.integer(1)], { shape: [ids.shape?.[1] as Dim] });
}

export interface Heads {
  /** [batch, heads, pos, d_head] */
  readonly q: Value;
  /** [batch, heads, pos, d_head] */
  readonly k: Value;
  /** [batch, heads, pos, d_head] */
  readonly v: Value;
}

export interface AttentionSettings {
  readonly inputs: ForwardInputs;
  readonly mask: Value;
}

/** z of all heads side by side: [batch, pos, heads · d_head], or rows of it for fused kernels. */
export function buildAttention(
  g: GraphBuilder,
  { q, k, v }: Heads,
  { inputs: { spec, ids, kernels }, mask }: AttentionSettings,
): Value {
  const width = spec.heads * spec.headWidth;
  const scale = 1 / Math.sqrt(spec.headWidth);
  const fused = kernels === 'fused';
  const scores = fused
    ? g.op('FusedMatMul', [q, k], {
        domain: 'com.microsoft',
        attributes: { transB: 1, alpha: { f: scale } },
      })
    : g.op('Mul', [g.op('MatMul', [q, turnKeys(g, k)]), g.scalar(scale)]);
  const pattern = g.op('Softmax', [g.op('Add', [scores, mask])], { attributes: { axis: -1 } });
  const z = g.op('Transpose', [g.op('MatMul', [pattern, v])], {
    attributes: { perm: [0, 2, 1, 3] },
  });
  return g.op('Reshape', [z, fused ? g.integers(-1, width) : shapeOver(g, ids, [width])]);
}

function turnKeys(g: GraphBuilder, k: Value): Value {
  return g.op('Transpose', [k], { attributes: { perm: [0, 1, 3, 2] } });
}

/** [batch, pos, heads · d_head], or rows of it → [batch, heads, pos, d_head]. */
export function splitHeads(
  g: GraphBuilder,
  x: Value,
  { ids, heads, headWidth }: { ids: Value; heads: number; headWidth: number },
): Value {
  const apart = g.op('Reshape', [x, shapeOver(g, ids, [heads, headWidth])]);
  return g.op('Transpose', [apart], { attributes: { perm: [0, 2, 1, 3] } });
}
