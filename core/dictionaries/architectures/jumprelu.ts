// JumpReLU: a threshold for every feature, learned through a window (Rajamanoharan et al. 2024, arXiv 2407.14435; Gemma Scope,
// arXiv 2408.05147, section 3).
//
//   f = relu(z) 1[z > t];   loss = Σ‖e‖² / (B V) + sparsity,   L0_b = Σ_i 1[z_bi > t_i]
//   sparsity = λ mean_b L0_b, λ the setting `sparsity`;  or (mean_b L0_b / `l0` − 1)² (Gemma Scope 2, dictionary_learning)
//   z, f [B, F];  threshold t [F], trained itself and not its logarithm (which Adam freezes);  W_dec rows of unit norm
//
// Straight-through gradients, K(u) = 1[|u| < 1/2], w = `bandwidth`:
//   ∂f/∂z = 1[z > t];   ∂f/∂t = −(t / w) K((z − t) / w);   ∂1[z > t]/∂t = −(1 / w) K((z − t) / w);   ∂1[z > t]/∂z = 0
// They are written as values that are 0: slope · (t − stop(t)), whose derivative by t is the slope, taken as a constant.
//
// Nothing is centred: z = W_enc x + b_enc. t and z have the unit of features, so the fold to raw units keeps 1[z > t] to the last
// bit; w, λ and l0 are in scaled units (E‖x‖² ≈ d), where the sources' mean-square norm is 1: their w 0.001 is 0.001 √d here.
// Departures: no warm-up of λ; w 0.1 and t 0.1 by default, wider than the sources', because they train on billions of rows; the
// weight of the l0 term is 1; where t < 0, f is relu(z). Proof: tests/golden/sae/jumprelu-steps.test.ts.
import {
  type Architecture,
  type Forward,
  type Loss,
  type LossInputs,
  type StepInputs,
  settingOf,
} from '../architecture.js';
import { valueNamed } from '../../onnx/named-value.js';
import type { Value } from '../../onnx/shape.js';
import { featureVector, wiredParameters } from '../parameters.js';
import { buildAbove } from '../selections.js';
import type { Tape } from '../tape.js';
import { buildEncoder, buildErrors } from '../wired-graph.js';

const RECIPE = { norm: 1, unit: true, centres: false, biases: ['b_enc'] };
/** Features per row that a training with a usual λ ends with; nothing depends on it but estimates. */
const USUAL_FIRINGS = 64;

export const jumprelu: Architecture = {
  uses: [],
  oneOf: ['sparsity', 'l0'],
  takes: ['bandwidth', 'threshold'],
  defaults: () => ({ bandwidth: 0.1, threshold: 0.1 }),
  betas: [0, 0.999],
  ...{ centres: false, selects: false, revives: false },
  parameters: (sizes) => [
    ...wiredParameters(sizes, RECIPE),
    featureVector('threshold', sizes, ({ settings }, { count }) =>
      new Float32Array(count).fill(settingOf(settings, 'threshold')),
    ),
  ],
  expectedFirings: ({ l0 }, features) => Math.min(features, Math.ceil(l0 ?? USUAL_FIRINGS)),
  buildForward,
  buildLoss,
  buildInference,
};

function buildForward(tape: Tape, inputs: StepInputs): Forward {
  const { g } = tape;
  const { centred, z } = buildEncoder(tape, inputs, { centres: false, bias: 'b_enc' });
  const t = valueNamed(inputs.parameters, 'threshold');
  const above = buildAbove(g, z, t).value;
  const slope = g.op('Mul', [buildWindow(tape, { inputs, z }), tape.detach(t)]);
  const f = { layout: 'dense', value: g.op('Add', [above, buildSlope(tape, t, slope)]) } as const;
  return { z, f, errors: buildErrors(tape, inputs, { f, centred }).errors, backward: null };
}

function buildInference(tape: Tape, inputs: StepInputs): Forward {
  const { centred, z } = buildEncoder(tape, inputs, { centres: false, bias: 'b_enc' });
  const f = buildAbove(tape.g, z, valueNamed(inputs.parameters, 'threshold'));
  return { z, f, errors: buildErrors(tape, inputs, { f, centred }).errors, backward: null };
}

/** −(1 / w) K((z − t) / w) [B, F], a constant to gradients. */
function buildWindow(tape: Tape, { inputs, z }: { readonly inputs: StepInputs; readonly z: Value }): Value {
  const { g } = tape;
  const width = settingOf(inputs.settings, 'bandwidth');
  const distance = g.op('Abs', [g.op('Sub', [z, valueNamed(inputs.parameters, 'threshold')])]);
  const inside = g.op('Less', [distance, g.scalar(width / 2)]);
  return g.op('Where', [inside, g.scalar(-1 / width), g.scalar(0)]);
}

/** 0 [B, F], whose derivative by t is the slope. */
function buildSlope(tape: Tape, t: Value, slope: Value): Value {
  return tape.g.op('Mul', [slope, tape.g.op('Sub', [t, tape.detach(t)])]);
}

function buildLoss(tape: Tape, { inputs, forward, squaredError }: LossInputs): Loss {
  const { g } = tape;
  const { batchRows, parameters, settings } = inputs;
  const t = valueNamed(parameters, 'threshold');
  const step = g.op('Where', [g.op('Greater', [forward.z, t]), g.scalar(1), g.scalar(0)]);
  const counted = g.op('Add', [step, buildSlope(tape, t, buildWindow(tape, { inputs, z: forward.z }))]);
  const total = g.op('ReduceSum', [counted], { attributes: { keepdims: 0 } });
  const l0 = g.op('Mul', [total, g.scalar(1 / batchRows)]);
  if (settings.l0 === undefined)
    return { squares: squaredError, sparsity: g.op('Mul', [l0, g.scalar(settingOf(settings, 'sparsity'))]) };
  const excess = g.op('Sub', [g.op('Mul', [l0, g.scalar(1 / settings.l0)]), g.scalar(1)]);
  return { squares: squaredError, sparsity: g.op('Mul', [excess, excess]) };
}
