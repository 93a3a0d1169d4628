// AuxK: the auxiliary loss that revives dead features (Gao et al. 2024, arXiv 2406.04093, appendix A.2).
//
//   D = features that have not fired in the last `deadAfterTokens` rows before this step,  n = min(kAux, |D|)
//   r = stop_gradient(x − x_hat)                                 [B, d]
//   f_aux = the n largest of relu(z) among D, per row             [B, |D|]
//   ê = f_aux W_dec[D]      (no b_dec: it is in x_hat already)     [B, d]
//   aux = Σ‖r − ê‖² / Σ‖r − mean_b r‖²,   0 where D is empty; it enters the loss with `weight`
//
// All products run over the dead columns only. Their gradients are added to the rows of D, which are distinct, so the
// scatter-add is safe with any number of threads.
import type { StepSizes } from './architecture.js';
import type { GraphBuilder } from '../onnx/builder.js';
import type { Value } from '../onnx/shape.js';

/** Gradients that AuxK adds to. */
export interface RowGradients {
  /** ∂loss/∂W_enc [F, d] */
  readonly W_enc: Value;
  /** ∂loss/∂b_enc [F] */
  readonly b_enc: Value;
  /** ∂loss/∂W_dec [F, d] */
  readonly W_dec: Value;
}

export interface AuxInputs {
  /** z [B, F] */
  readonly z: Value;
  /** x − b_dec [B, d] */
  readonly centred: Value;
  /** x_hat − x [B, d] */
  readonly error: Value;
  readonly W_dec: Value;
  /** [F] bool: dead before this step. */
  readonly dead: Value;
  readonly gradients: RowGradients;
  readonly kAux: number;
  readonly weight: number;
  readonly sizes: StepSizes;
}

/** The auxiliary loss (unweighted scalar) and the gradients with its share added. */
export function buildAuxK(g: GraphBuilder, inputs: AuxInputs): RowGradients & { readonly aux: Value } {
  const anyDead = g.op('Greater', [countOf(g, inputs.dead), g.integer(0)]);
  const [aux, W_enc, b_enc, W_dec] = g.ops('If', [anyDead], {
    outputs: 4,
    attributes: {
      then_branch: buildRevival(g.subgraph('revive'), inputs).toGraph(),
      else_branch: buildNothing(g.subgraph('nothing'), inputs).toGraph(),
    },
  }) as [Value, Value, Value, Value];
  return { aux, W_enc, b_enc, W_dec };
}

/** Number of true elements as an int64 scalar. */
export function countOf(g: GraphBuilder, mask: Value): Value {
  return g.op('ReduceSum', [g.op('Cast', [mask], { attributes: { to: 7 } })], {
    attributes: { keepdims: 0 },
  });
}

function buildRevival(g: GraphBuilder, inputs: AuxInputs): GraphBuilder {
  const { W_dec, gradients, centred, error, weight } = inputs;
  const deadIds = g.op('Squeeze', [g.op('NonZero', [inputs.dead]), g.integers(0)]);
  const f_aux = buildDeadSelection(g, inputs, deadIds);
  const rows = g.op('Gather', [W_dec, deadIds], { attributes: { axis: 0 } });
  // ê − r = ê + (x_hat − x)
  const difference = g.op('Add', [g.op('MatMul', [f_aux, rows]), error]);
  const meanError = g.op('ReduceMean', [error, g.integers(0)], { attributes: { keepdims: 1 } });
  const spread = sumOfSquares(g, g.op('Sub', [error, meanError]));
  const aux = g.op('Div', [sumOfSquares(g, difference), spread]);
  // ∂(weight · aux)/∂ê = 2 weight (ê − r) / Σ‖r − mean r‖²
  const gradient = g.op('Mul', [difference, g.op('Div', [g.scalar(2 * weight), spread])]);
  const df = g.op('Gemm', [gradient, rows], { attributes: { transB: 1 } });
  const dz = g.op('Mul', [df, g.op('Sign', [f_aux])]);
  const target = g.op('Unsqueeze', [deadIds, g.integers(1)]);
  const add = (base: Value, share: Value): void => {
    g.output(g.op('ScatterND', [base, target, share], { attributes: { reduction: 'add' } }));
  };
  g.output(aux);
  add(gradients.W_enc, g.op('Gemm', [dz, centred], { attributes: { transA: 1 } }));
  add(gradients.b_enc, g.op('ReduceSum', [dz, g.integers(0)], { attributes: { keepdims: 0 } }));
  add(gradients.W_dec, g.op('Gemm', [f_aux, gradient], { attributes: { transA: 1 } }));
  return g;
}

/** f_aux [B, |D|]: relu(z) at the dead columns, all but the n largest of each row set to zero. */
function buildDeadSelection(g: GraphBuilder, { z, kAux }: AuxInputs, deadIds: Value): Value {
  const columns = g.op('Gather', [z, deadIds], { attributes: { axis: 1 } });
  const count = g.op('Min', [g.op('Shape', [deadIds]), g.integers(kAux)]);
  const [largest, where] = g.ops('TopK', [columns, count], {
    outputs: 2,
    attributes: { axis: -1 },
  }) as [Value, Value];
  const empty = g.op('ConstantOfShape', [g.op('Shape', [columns])]);
  return g.op('ScatterElements', [empty, where, g.op('Relu', [largest])], {
    attributes: { axis: 1 },
  });
}

function buildNothing(g: GraphBuilder, { gradients }: AuxInputs): GraphBuilder {
  for (const value of [g.scalar(0), gradients.W_enc, gradients.b_enc, gradients.W_dec])
    g.output(g.op('Identity', [value]));
  return g;
}

/** Σ of squares over all elements, a scalar. */
export function sumOfSquares(g: GraphBuilder, value: Value): Value {
  return g.op('ReduceSumSquare', [value], { attributes: { keepdims: 0 } });
}
