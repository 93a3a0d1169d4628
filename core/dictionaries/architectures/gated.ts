// Gated: one path decides which features fire, another how strongly (Rajamanoharan et al. 2024, arXiv 2404.16014).
//
//   h = W_enc (x − b_dec);   p = h + b_gate;   f = 1[p > 0] relu(exp(r_mag) h + b_mag)
//   loss = Σ‖e‖² / (B V) + λ mean_b Σ_i relu(p) Σ_w ‖W_dec.w_i‖ + Σ‖x − x_gate‖² / (B V)
//   x_gate = W_decᵀ relu(p) + b_dec + W_skip x with W_dec, b_dec and W_skip frozen: gradients go through p alone
//   h, p, f [B, F];  b_gate, r_mag, b_mag [F];  λ is `sparsity`, in scaled units as for relu
//
// Decoder rows have unit norm, so for one site the norms are 1 and the penalty is that of the source. The step 1[p > 0] has no
// gradient: the gate learns from the penalty and from x_gate. No AuxK. With several sites written, a feature weighs the sum of its
// norms. Fold to raw units: p > 0 has no unit, b_gate and b_mag have that of features, r_mag none.
// Departures: the norm in the penalty is left out where one site is written, as it is 1. A dictionary that does not read what it
// writes has b_in in b_gate and b_mag (other-site.ts). Proof: tests/golden/sae/gated-steps.test.ts.
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
import { sumOfSquares } from '../rows.js';
import type { Tape } from '../tape.js';
import { buildDecoderNorms, buildEncoder, buildErrors } from '../wired-graph.js';

const RECIPE = { norm: 1, unit: true, centres: true, biases: ['b_gate', 'b_mag'] };
/** Features per row that a training with a usual λ ends with; nothing depends on it but estimates. */
const USUAL_FIRINGS = 64;

export const gated: Architecture = {
  uses: ['sparsity'],
  betas: [0, 0.999],
  ...{ centres: true, selects: false, revives: false },
  parameters: (sizes) => [
    ...wiredParameters(sizes, RECIPE),
    { ...featureVector('r_mag', sizes), unit: { of: 'number' } },
  ],
  expectedFirings: (_, features) => Math.min(features, USUAL_FIRINGS),
  buildForward,
  buildLoss,
  buildInference: buildForward,
};

function buildForward(tape: Tape, inputs: StepInputs): Forward {
  const { g } = tape;
  const of = (name: string): Value => valueNamed(inputs.parameters, name);
  const { centred, z: h } = buildEncoder(tape, inputs, { centres: true, bias: null });
  const p = g.op('Add', [h, of('b_gate')]);
  const open = g.op('Greater', [p, g.scalar(0)]);
  const scaled = g.op('Add', [g.op('Mul', [h, g.op('Exp', [of('r_mag')])]), of('b_mag')]);
  const f = { layout: 'dense', value: g.op('Where', [open, g.op('Relu', [scaled]), g.scalar(0)]) } as const;
  return { z: p, f, errors: buildErrors(tape, inputs, { f, centred }).errors, backward: null };
}

function buildLoss(tape: Tape, { inputs, forward, squaredError, variance }: LossInputs): Loss {
  const { g } = tape;
  const { batchRows, settings } = inputs;
  const gate = { layout: 'dense', value: g.op('Relu', [forward.z]) } as const;
  const scalar = (value: Value): Value => g.op('ReduceSum', [value], { attributes: { keepdims: 0 } });
  const weighted = inputs.writes.length === 1 ? gate.value : g.op('Mul', [gate.value, buildDecoderNorms(g, inputs)]);
  const penalty = g.op('Mul', [scalar(weighted), g.scalar(settingOf(settings, 'sparsity') / batchRows)]);
  const frozen = Object.fromEntries(
    Object.entries(inputs.parameters).map(([name, value]) => [name, tape.detach(value)]),
  );
  const { errors } = buildErrors(tape, { ...inputs, parameters: frozen }, { f: gate, centred: null });
  const squares = errors.map((error) => sumOfSquares(g, error)).reduce((a, b) => g.op('Add', [a, b]));
  const ofGate = g.op('Mul', [squares, g.scalar(1 / (batchRows * variance))]);
  return { squares: squaredError, sparsity: g.op('Add', [penalty, ofGate]) };
}
