// Products between a selection f [B, F] and rows of length d, forward and backward, for both layouts of the selection.
//
//   decode          f W_dec                      [B, d]
//   feature grads   df = g W_decᵀ where f > 0     g = ∂loss/∂x_hat [B, d]
//   row sums        Σ_b w_bi r_b                  [F, d], for ∂W_dec (w = f, r = g) and ∂W_enc (w = dz, r = x − b_dec)
//   sums            Σ_b w_bi                      [F], for ∂b_enc
//
// Pairs touch only what fired. Their row sums spread the pairs and take a matrix product: adding rows at repeated indices is what
// ONNX Runtime's ScatterND gets wrong (core/onnx/racy-scatter.ts).
import type { GraphBuilder } from '../onnx/builder.js';
import type { Value } from '../onnx/shape.js';

/**
 * Which features fire on which row, as graph values.
 * `pairs`: `feature` [B, C] int64 and `value` [B, C] ≥ 0, C = capacity; a pair with value 0 does not count.
 * `dense`: `value` [B, F] ≥ 0.
 */
export type Selection =
  | {
      readonly layout: 'pairs';
      readonly capacity: number;
      readonly feature: Value;
      readonly value: Value;
    }
  | { readonly layout: 'dense'; readonly value: Value };

/** What `buildDecode` made: f W_dec, and the gathered decoder rows that the backward of pairs uses again. */
export interface Decoded {
  readonly product: Value;
  readonly gathered: Value | null;
}

/** f W_dec [B, d], without b_dec. */
export function buildDecode(g: GraphBuilder, selection: Selection, W_dec: Value): Decoded {
  if (selection.layout === 'dense') return { product: g.op('MatMul', [selection.value, W_dec]), gathered: null };
  const gathered = g.op('Gather', [W_dec, selection.feature], { attributes: { axis: 0 } });
  const weights = g.op('Unsqueeze', [selection.value, g.integers(1)]);
  const product = g.op('Squeeze', [g.op('MatMul', [weights, gathered]), g.integers(1)]);
  return { product, gathered };
}

/** ∂loss/∂f in the layout of the selection: for pairs [B, C], else [B, F]. */
export function buildFeatureGradient(
  g: GraphBuilder,
  { decoded, W_dec, gradient }: { readonly decoded: Decoded; readonly W_dec: Value; readonly gradient: Value },
): Value {
  if (decoded.gathered === null) return g.op('Gemm', [gradient, W_dec], { attributes: { transB: 1 } });
  const column = g.op('Unsqueeze', [gradient, g.integers(2)]);
  return g.op('Squeeze', [g.op('MatMul', [decoded.gathered, column]), g.integers(2)]);
}

/** Weights in the layout of a selection, and what is needed to sum with them. */
export interface RowWeights {
  readonly selection: Selection;
  /** [B, C] for pairs, [B, F] for dense. */
  readonly weights: Value;
  readonly sizes: RowSizes;
}

/** B and F. */
export interface RowSizes {
  readonly batchRows: number;
  readonly features: number;
}

/** Σ_b w_bi r_b for every feature i: [F, d]. @param rows r [B, d] */
export function buildRowSums(g: GraphBuilder, { selection, weights, sizes }: RowWeights, rows: Value): Value {
  const dense = selection.layout === 'dense' ? weights : buildDense(g, { feature: selection.feature, weights, sizes });
  return g.op('Gemm', [dense, rows], { attributes: { transA: 1 } });
}

/** Σ_b w_bi for every feature i: [F]. */
export function buildSums(g: GraphBuilder, { selection, weights, sizes }: RowWeights): Value {
  if (selection.layout === 'dense') return g.op('ReduceSum', [weights, g.integers(0)], { attributes: { keepdims: 0 } });
  const flat = g.integers(-1);
  // ScatterElements adds one after the other, so repeated indices are safe with any number of threads.
  return g.op(
    'ScatterElements',
    [g.zeros(g.integers(sizes.features)), g.op('Reshape', [selection.feature, flat]), g.op('Reshape', [weights, flat])],
    {
      attributes: { axis: 0, reduction: 'add' },
    },
  );
}

/** Pairs spread to [B, F]; a feature occurs at most once per row. */
function buildDense(
  g: GraphBuilder,
  { feature, weights, sizes }: { readonly feature: Value; readonly weights: Value; readonly sizes: RowSizes },
): Value {
  return g.op('ScatterElements', [g.zeros(g.integers(sizes.batchRows, sizes.features)), feature, weights], {
    attributes: { axis: 1 },
  });
}

/** Σ of squares over all elements, a scalar. */
export function sumOfSquares(g: GraphBuilder, value: Value): Value {
  return g.op('ReduceSumSquare', [value], { attributes: { keepdims: 0 } });
}

/** Number of true elements as an int64 scalar. */
export function countOf(g: GraphBuilder, mask: Value): Value {
  return g.op('ReduceSum', [g.op('Cast', [mask], { attributes: { to: 7 } })], {
    attributes: { keepdims: 0 },
  });
}
