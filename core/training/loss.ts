// Next-token cross-entropy and its gradient, with the unembedding, block of rows by block of rows: the logits of a whole batch,
// often larger than all other tensors of a step together, never exist at once.
//
//   rows i = tokens of a batch, h_i [d], W [V, d] unembedding, t_i target, c_i coefficient
//   l_i = W h_i;   p_i = softmax(l_i)                               [V]
//   loss = Σ_i c_i (log Σ_j exp l_ij − l_i,t_i)                       scalar
//   e_i = p_i − onehot(t_i)                                            ∂(loss / c_i) / ∂l_i
//   dh_i = c_i Wᵀ e_i                                                  [d]
//   dW = Σ_i e_i (c_i h_i)ᵀ                                           [V, d]
//
// c_i = w_i / Σ_j w_j over all rows of a step gives the mean weighted loss; w_i = 1 everywhere gives 1 / rows. With
// m = max_j l_ij, log Σ exp l = m − log max_j p_ij, because max p = exp(0) / Σ exp(l − m): no exponential is computed twice, and
// nothing overflows. Test: finite differences and PyTorch (tests/golden/training).
import type { GraphBuilder } from '../onnx/builder.js';
import type { Value } from '../onnx/shape.js';

export interface LossInputs {
  /** [rows, d] */
  readonly hidden: Value;
  /** [V, d] */
  readonly unembedding: Value;
  /** [rows] int32 or int64 */
  readonly targets: Value;
  /** c [rows, 1], or one number for all rows. */
  readonly coefficient: Value | number;
  readonly sizes: LossSizes;
}

export interface LossSizes {
  readonly rows: number;
  readonly width: number;
  readonly vocabulary: number;
}

export interface LossValues {
  /** Σ_i c_i · loss_i, scalar. */
  readonly loss: Value;
  /** ∂loss/∂hidden [rows, d] */
  readonly hidden: Value;
  /** ∂loss/∂W [V, d] */
  readonly unembedding: Value;
}

/** Elements of one block of logits: 8 MB, within the second or third cache of every current processor. */
const BLOCK_ELEMENTS = 2 ** 21;

/** Rows per block: as many as fit, at least 64, so that a matrix product has enough to do; the last block takes the rest. */
export function blockRows({ rows, vocabulary }: LossSizes): number {
  const fitting = Math.max(64, Math.floor(BLOCK_ELEMENTS / vocabulary));
  const blocks = Math.ceil(rows / fitting);
  return Math.ceil(rows / blocks);
}

/** The loss with its gradients, unrolled over blocks of rows. */
export function buildLoss(g: GraphBuilder, inputs: LossInputs): LossValues {
  const { rows } = inputs.sizes;
  const size = blockRows(inputs.sizes);
  const losses: Value[] = [];
  const hidden: Value[] = [];
  let unembedding: Value | null = null;
  for (let from = 0; from < rows; from += size) {
    const block = buildBlock(g, inputs, { from, to: Math.min(rows, from + size) }, unembedding);
    losses.push(block.loss);
    hidden.push(block.hidden);
    unembedding = block.unembedding;
  }
  return {
    loss: losses.reduce((a, b) => g.op('Add', [a, b])),
    hidden:
      hidden.length === 1
        ? (hidden[0] as Value)
        : g.op('Concat', hidden, { attributes: { axis: 0 } }),
    unembedding: unembedding as Value,
  };
}

interface Range {
  readonly from: number;
  readonly to: number;
}

function buildBlock(
  g: GraphBuilder,
  inputs: LossInputs,
  range: Range,
  before: Value | null,
): LossValues {
  const { unembedding, coefficient } = inputs;
  const uniform = typeof coefficient === 'number';
  const alpha = uniform ? { alpha: { f: coefficient } } : {};
  const h = rowsOf(g, inputs.hidden, range, inputs.sizes.rows);
  const c = uniform ? null : rowsOf(g, coefficient, range, inputs.sizes.rows);
  const { logits, target, nats, p } = buildRowLosses(g, inputs, range);
  const total = (rowLosses: Value): Value =>
    g.op('ReduceSum', [rowLosses], { attributes: { keepdims: 0 } });
  const minusOnes = g.op('Expand', [g.scalar(-1), g.integers(range.to - range.from, 1)]);
  const e = g.op('ScatterElements', [p, target, minusOnes], {
    attributes: { axis: 1, reduction: 'add' },
    shape: logits.shape ?? [],
  });
  const dh = g.op('Gemm', [e, unembedding], { attributes: alpha });
  const dW = g.op('Gemm', [e, c ? g.op('Mul', [h, c]) : h, ...(before ? [before] : [])], {
    attributes: { transA: 1, ...alpha },
  });
  return {
    loss: uniform
      ? g.op('Mul', [total(nats), g.scalar(coefficient)])
      : total(g.op('Mul', [nats, c as Value])),
    hidden: c ? g.op('Mul', [dh, c]) : dh,
    unembedding: dW,
  };
}

interface RowLosses {
  /** [rows, V] */
  readonly logits: Value;
  /** [rows, V] */
  readonly p: Value;
  /** [rows, 1] */
  readonly target: Value;
  /** log Σ exp l − l_t [rows, 1] */
  readonly nats: Value;
}

/** The unweighted loss of each row of a range. */
function buildRowLosses(
  g: GraphBuilder,
  { hidden, unembedding, targets, sizes }: Omit<LossInputs, 'coefficient'>,
  range: Range,
): RowLosses {
  const h = rowsOf(g, hidden, range, sizes.rows);
  const target = g.op('Reshape', [rowsOf(g, targets, range, sizes.rows), g.integers(-1, 1)]);
  const logits = g.op('Gemm', [h, unembedding], { attributes: { transB: 1 } });
  const p = g.op('Softmax', [logits], { attributes: { axis: -1 } });
  const largest = (x: Value): Value =>
    g.op('ReduceMax', [x, g.integers(1)], { attributes: { keepdims: 1 } });
  const logSum = g.op('Sub', [largest(logits), g.op('Log', [largest(p)])]);
  const wanted = g.op('GatherElements', [logits, target], { attributes: { axis: 1 } });
  return { logits, p, target, nats: g.op('Sub', [logSum, wanted]) };
}

/** Loss of each row without gradients [rows, 1], block by block. */
export function buildRowLossesOnly(
  g: GraphBuilder,
  inputs: Omit<LossInputs, 'coefficient'>,
): Value {
  const { rows } = inputs.sizes;
  const size = blockRows(inputs.sizes);
  const parts: Value[] = [];
  for (let from = 0; from < rows; from += size)
    parts.push(buildRowLosses(g, inputs, { from, to: Math.min(rows, from + size) }).nats);
  return parts.length === 1
    ? (parts[0] as Value)
    : g.op('Concat', parts, { attributes: { axis: 0 } });
}

function rowsOf(g: GraphBuilder, x: Value, { from, to }: Range, rows: number): Value {
  if (from === 0 && to === rows) return x;
  return g.op('Slice', [x, g.integers(from), g.integers(to), g.integers(0)]);
}
