// AuxK: the auxiliary loss that revives dead features (Gao et al. 2024, arXiv 2406.04093, appendix A.2).
//
//   D = features that have not fired in the last `deadAfterTokens` rows before this step
//   r = stop_gradient(x − x_hat)                                 [B, d], of each site written
//   f_aux = the k largest of relu(z) among D, per row             [B, F]; fewer where D is smaller
//   ê = W_decᵀ f_aux      (no b_dec: it is in x_hat already)       [B, d]
//   aux = Σ‖r − ê‖² / Σ‖r − mean_b r‖²,   0 where D is empty; it enters the loss with a weight
//
// This is the form that core/autodiff differentiates. `sparse-backward.ts` has the same by hand, over the dead columns alone.
import type { AuxSettings, Forward, StepInputs } from './architecture.js';
import type { Value } from '../onnx/shape.js';
import { type Decoded, countOf, sumOfSquares } from './rows.js';
import type { Tape } from './tape.js';
import { buildDecoder } from './wired-graph.js';

/** Less than any z, so that features that are not dead come last and relu makes them 0. */
const NEVER = -3e38;

export interface AuxInputs {
  readonly inputs: StepInputs;
  readonly forward: Forward;
  /** [F] bool: dead before this step. */
  readonly dead: Value;
  readonly settings: AuxSettings;
}

/** The auxiliary loss, unweighted, a scalar. */
export function buildAuxLoss(tape: Tape, { inputs, forward, dead, settings }: AuxInputs): Value {
  const { g } = tape;
  const candidates = g.op('Where', [dead, forward.z, g.scalar(NEVER)]);
  const [largest, where] = g.ops('TopK', [candidates, g.integers(settings.k)], {
    outputs: 2,
    attributes: { axis: -1 },
  }) as [Value, Value];
  const nothing = g.zeros(g.integers(inputs.batchRows, inputs.features));
  const value = g.op('ScatterElements', [nothing, where, g.op('Relu', [largest])], { attributes: { axis: 1 } });
  const revived = buildDecoder(g, { layout: 'dense', value }, { sizes: inputs, parameters: inputs.parameters });
  const errors = forward.errors.map((error) => tape.detach(error));
  // ê − r = ê + (x_hat − x)
  const left = errors.map((error, i) => sumOfSquares(g, g.op('Add', [(revived[i] as Decoded).product, error])));
  const spread = errors.map((error) => buildSpread(tape, error));
  const add = (values: readonly Value[]): Value => values.reduce((a, b) => g.op('Add', [a, b]));
  const ratio = g.op('Div', [add(left), add(spread)]);
  const anyDead = g.op('Greater', [countOf(g, dead), g.integer(0)]);
  return g.op('Where', [anyDead, ratio, g.scalar(0)]);
}

/** Σ‖r − mean_b r‖². */
function buildSpread({ g }: Tape, rows: Value): Value {
  const mean = g.op('ReduceMean', [rows, g.integers(0)], { attributes: { keepdims: 1 } });
  return sumOfSquares(g, g.op('Sub', [rows, mean]));
}
