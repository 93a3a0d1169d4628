// Next-token cross-entropy and its gradient, with the unembedding, block of rows by block of rows: the logits of a whole batch,
// often larger than all other tensors of a step together, never exist at once.
//
//   rows i = tokens of a batch, h_i [d], W [V, d] unembedding, t_i target, c_i coefficient
//   l_i = W h_i;   q_i = l_i − log Σ_j exp l_ij                      [V], log-probabilities
//   loss = − Σ_i c_i q_i,t_i                                          scalar
//   e_i = exp q_i − onehot(t_i)                                        ∂(loss / c_i) / ∂l_i
//   dh_i = c_i Wᵀ e_i                                                  [d]
//   dW = Σ_i e_i (c_i h_i)ᵀ                                           [V, d]
//
// c_i = w_i / Σ_j w_j over all rows of a step gives the mean weighted loss; w_i = 1 everywhere gives 1 / rows. exp q has one
// reader, so that −1 is added at the targets in place. Tests: finite differences and PyTorch (tests/golden/training).
import type { GraphBuilder } from '../onnx/builder.js';
import type { Value } from '../onnx/shape.js';

export interface LossSizes {
  readonly rows: number;
  readonly width: number;
  readonly vocabulary: number;
}

/** What the loss of rows is made of. */
export interface RowInputs {
  /** [rows, d] */
  readonly hidden: Value;
  /** [V, d] */
  readonly unembedding: Value;
  /** [rows] int32 or int64 */
  readonly targets: Value;
  readonly sizes: LossSizes;
}

export interface LossInputs extends RowInputs {
  /** c [rows, 1], or one number for all rows. */
  readonly coefficient: Value | number;
}

export interface LossValues {
  /** Scalar. */
  readonly loss: Value;
  /** ∂loss/∂hidden [rows, d] */
  readonly hidden: Value;
  /** ∂loss/∂W [V, d] */
  readonly unembedding: Value;
}

/** Elements of one block of logits: 8 MB, within the caches of current processors. */
const BLOCK_ELEMENTS = 2 ** 21;

/** Rows per block: as many as fit, at least 64, so that a matrix product has enough to do; the last block takes the rest. */
export function blockRows({ rows, vocabulary }: LossSizes): number {
  const fitting = Math.max(64, Math.floor(BLOCK_ELEMENTS / vocabulary));
  const blocks = Math.ceil(rows / fitting);
  return Math.ceil(rows / blocks);
}

/** The loss with its gradients, unrolled over blocks of rows. */
export function buildLoss(g: GraphBuilder, inputs: LossInputs): LossValues {
  const losses: Value[] = [];
  const hidden: Value[] = [];
  let unembedding: Value | null = null;
  for (const block of cutRows(g, inputs)) {
    const { coefficient } = inputs;
    const c = typeof coefficient === 'number' ? coefficient : block.rowsOf(coefficient);
    const values = buildBlock(g, { ...block, coefficient: c, before: unembedding });
    losses.push(values.loss);
    hidden.push(values.hidden);
    unembedding = values.unembedding;
  }
  return {
    loss: losses.reduce((a, b) => g.op('Add', [a, b])),
    hidden: joinRows(g, hidden),
    unembedding: unembedding as Value,
  };
}

/** Loss of each row without gradients [rows, 1], block by block. */
export function buildRowLosses(g: GraphBuilder, inputs: RowInputs): Value {
  const parts = cutRows(g, inputs).map((block) => {
    const { q, targets } = buildLogProbabilities(g, block);
    return g.op('Neg', [g.op('GatherElements', [q, targets], { attributes: { axis: 1 } })]);
  });
  return joinRows(g, parts);
}

interface Block extends RowInputs {
  /** This block's rows of a tensor of all rows. */
  readonly rowsOf: (x: Value) => Value;
}

function cutRows(g: GraphBuilder, inputs: RowInputs): Block[] {
  const { rows } = inputs.sizes;
  const size = blockRows(inputs.sizes);
  return Array.from({ length: Math.ceil(rows / size) }, (_, i) => {
    const [from, to] = [i * size, Math.min(rows, (i + 1) * size)];
    const rowsOf = (x: Value): Value =>
      to - from === rows ? x : g.op('Slice', [x, g.integers(from), g.integers(to), g.integers(0)]);
    return {
      hidden: rowsOf(inputs.hidden),
      unembedding: inputs.unembedding,
      targets: rowsOf(inputs.targets),
      sizes: { ...inputs.sizes, rows: to - from },
      rowsOf,
    };
  });
}

/** q [rows, V] and the targets as a column. */
function buildLogProbabilities(
  g: GraphBuilder,
  { hidden, unembedding, targets }: RowInputs,
): { readonly q: Value; readonly targets: Value } {
  const logits = g.op('Gemm', [hidden, unembedding], { attributes: { transB: 1 } });
  const q = g.op('LogSoftmax', [logits], { attributes: { axis: -1 } });
  return { q, targets: g.op('Reshape', [targets, g.integers(-1, 1)]) };
}

interface GradientBlock extends LossInputs {
  /** ∂loss/∂W of the blocks before. */
  readonly before: Value | null;
}

function buildBlock(g: GraphBuilder, block: GradientBlock): LossValues {
  const { hidden: h, unembedding, coefficient: c, before, sizes } = block;
  const { q, targets } = buildLogProbabilities(g, block);
  const minusOnes = g.op('Expand', [g.scalar(-1), g.integers(sizes.rows, 1)]);
  const e = g.op('ScatterElements', [g.op('Exp', [q]), targets, minusOnes], {
    attributes: { axis: 1, reduction: 'add' },
  });
  const wanted = g.op('GatherElements', [q, targets], { attributes: { axis: 1 } });
  const total = (rows: Value): Value => g.op('ReduceSum', [rows], { attributes: { keepdims: 0 } });
  const carried = before ? [before] : [];
  if (typeof c === 'number') {
    const alpha = { alpha: { f: c } };
    return {
      loss: g.op('Mul', [total(wanted), g.scalar(-c)]),
      hidden: g.op('Gemm', [e, unembedding], { attributes: alpha }),
      unembedding: g.op('Gemm', [e, h, ...carried], { attributes: { transA: 1, ...alpha } }),
    };
  }
  const weighted = g.op('Mul', [h, c]);
  return {
    loss: g.op('Neg', [total(g.op('Mul', [wanted, c]))]),
    hidden: g.op('Mul', [g.op('Gemm', [e, unembedding]), c]),
    unembedding: g.op('Gemm', [e, weighted, ...carried], { attributes: { transA: 1 } }),
  };
}

function joinRows(g: GraphBuilder, parts: readonly Value[]): Value {
  const [only] = parts;
  if (parts.length === 1 && only) return only;
  return g.op('Concat', parts, { attributes: { axis: 0 } });
}
