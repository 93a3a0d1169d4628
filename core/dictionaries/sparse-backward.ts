// The backward pass by hand of autoencoders whose f is a choice among relu(z) with the plain loss: it touches only what fired,
// where reverse mode would multiply whole matrices.
//
//   symbols: B rows per batch, d width, F features; V variance of the fit rows
//   loss = Σ‖e‖² / (B V) + weight · aux,   e = x_hat − x
//   g = 2 e / (B V)                                  ∂rec/∂x_hat [B, d]
//   ∂W_dec_i = Σ_b f_bi g_b;  dz = (g W_decᵀ) 1[f > 0];  ∂W_enc_i = Σ_b dz_bi (x_b − b_dec);  ∂b_enc_i = Σ_b dz_bi
//   ∂b_dec = Σ_b g_b − Σ_i ∂b_enc_i W_enc_i          (AuxK's share of ∂b_enc included; its target is detached)
//
// AuxK (aux-loss.ts) runs over the dead columns only: n = min(k, |D|), f_aux [B, |D|], ê = f_aux W_dec[D]. Its gradients are added
// to the rows of D by ScatterElements (core/onnx/racy-scatter.ts).
// Proof: tests/unit/core/dictionaries/derivatives.test.ts against core/autodiff, tests/golden/sae against PyTorch.
import type { AuxSettings, BackwardRequest, LossGradients, StepInputs } from './architecture.js';
import type { GraphBuilder } from '../onnx/builder.js';
import { valueNamed } from '../onnx/named-value.js';
import type { Value } from '../onnx/shape.js';
import { buildFeatureGradient, buildRowSums, buildSums, countOf, sumOfSquares } from './rows.js';
import type { Decoded, Selection } from './rows.js';

/** What the forward pass made. */
export interface SparseForward {
  readonly inputs: StepInputs;
  /** x − b_dec [B, d] */
  readonly centred: Value;
  readonly z: Value;
  readonly f: Selection;
  readonly decoded: Decoded;
  /** x_hat − x [B, d] */
  readonly error: Value;
}

/** Gradients of the whole loss. */
export function buildSparseBackward(g: GraphBuilder, forward: SparseForward, request: BackwardRequest): LossGradients {
  const { inputs, centred, f, decoded, error } = forward;
  const { batchRows, features, parameters } = inputs;
  const [W_enc, W_dec] = [valueNamed(parameters, 'W_enc'), valueNamed(parameters, 'W_dec')];
  const sizes = { batchRows, features };
  const gradient = g.op('Mul', [error, g.scalar(2 / (batchRows * request.variance))]);
  const df = buildFeatureGradient(g, { decoded, W_dec, gradient });
  const dz = g.op('Mul', [df, g.op('Sign', [f.value])]);
  const encoder = { selection: f, weights: dz, sizes };
  const own: RowGradients = {
    W_enc: buildRowSums(g, encoder, centred),
    b_enc: buildSums(g, encoder),
    W_dec: buildRowSums(g, { ...encoder, weights: f.value }, gradient),
  };
  const { aux, ...rows } = request.aux
    ? buildAuxK(g, { forward, W_dec, dead: request.dead, gradients: own, settings: request.aux })
    : { ...own, aux: g.scalar(0) };
  const throughEncoder = g.op('MatMul', [rows.b_enc, W_enc]);
  const columns = g.op('ReduceSum', [gradient, g.integers(0)], { attributes: { keepdims: 0 } });
  return { parameters: { ...rows, b_dec: g.op('Sub', [columns, throughEncoder]) }, aux };
}

/** Gradients that AuxK adds to: [F, d], [F], [F, d]. */
interface RowGradients {
  readonly W_enc: Value;
  readonly b_enc: Value;
  readonly W_dec: Value;
}

interface AuxInputs {
  readonly forward: SparseForward;
  readonly W_dec: Value;
  /** [F] bool: dead before this step. */
  readonly dead: Value;
  readonly gradients: RowGradients;
  readonly settings: AuxSettings;
}

/** The auxiliary loss (unweighted scalar) and the gradients with its share added. */
function buildAuxK(g: GraphBuilder, inputs: AuxInputs): RowGradients & { readonly aux: Value } {
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

function buildRevival(g: GraphBuilder, inputs: AuxInputs): GraphBuilder {
  const { W_dec, gradients, settings } = inputs;
  const { centred, error } = inputs.forward;
  const deadIds = g.op('Squeeze', [g.op('NonZero', [inputs.dead]), g.integers(0)]);
  const f_aux = buildDeadSelection(g, inputs, deadIds);
  const rows = g.op('Gather', [W_dec, deadIds], { attributes: { axis: 0 } });
  // ê − r = ê + (x_hat − x)
  const difference = g.op('Add', [g.op('MatMul', [f_aux, rows]), error]);
  const meanError = g.op('ReduceMean', [error, g.integers(0)], { attributes: { keepdims: 1 } });
  const spread = sumOfSquares(g, g.op('Sub', [error, meanError]));
  const aux = g.op('Div', [sumOfSquares(g, difference), spread]);
  // ∂(weight · aux)/∂ê = 2 weight (ê − r) / Σ‖r − mean r‖²
  const gradient = g.op('Mul', [difference, g.op('Div', [g.scalar(2 * settings.weight), spread])]);
  const df = g.op('Gemm', [gradient, rows], { attributes: { transB: 1 } });
  const dz = g.op('Mul', [df, g.op('Sign', [f_aux])]);
  const column = g.op('Unsqueeze', [deadIds, g.integers(1)]);
  const add = (base: Value, share: Value, ids: Value): void => {
    const target = g.op('Expand', [ids, g.op('Shape', [share])]);
    g.output(g.op('ScatterElements', [base, target, share], { attributes: { axis: 0, reduction: 'add' } }));
  };
  g.output(aux);
  add(gradients.W_enc, g.op('Gemm', [dz, centred], { attributes: { transA: 1 } }), column);
  add(gradients.b_enc, g.op('ReduceSum', [dz, g.integers(0)], { attributes: { keepdims: 0 } }), deadIds);
  add(gradients.W_dec, g.op('Gemm', [f_aux, gradient], { attributes: { transA: 1 } }), column);
  return g;
}

/** f_aux [B, |D|]: relu(z) at the dead columns, all but the n largest of each row set to zero. */
function buildDeadSelection(g: GraphBuilder, { forward, settings }: AuxInputs, deadIds: Value): Value {
  const columns = g.op('Gather', [forward.z, deadIds], { attributes: { axis: 1 } });
  const count = g.op('Min', [g.op('Shape', [deadIds]), g.integers(settings.k)]);
  const [largest, where] = g.ops('TopK', [columns, count], {
    outputs: 2,
    attributes: { axis: -1 },
  }) as [Value, Value];
  const empty = g.zeros(g.op('Shape', [columns]));
  return g.op('ScatterElements', [empty, where, g.op('Relu', [largest])], {
    attributes: { axis: 1 },
  });
}

function buildNothing(g: GraphBuilder, { gradients }: AuxInputs): GraphBuilder {
  for (const value of [g.scalar(0), gradients.W_enc, gradients.b_enc, gradients.W_dec])
    g.output(g.op('Identity', [value]));
  return g;
}
