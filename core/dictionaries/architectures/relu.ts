// ReLU with an L1 penalty weighted by decoder norms (Anthropic, "Update on how we train SAEs", April 2024; reference: Bricken et
// al. 2023, which keeps unit rows instead).
//
//   f = relu(z);   loss = Σ‖e‖² / (B V) + λ / B Σ_b Σ_i f_bi Σ_w ‖W_dec.w_i‖
//   z, f [B, F]; w over the sites written (one, but for crosscoders and cross-layer transcoders); λ is `sparsity`, in scaled
//   units: rows have E‖x‖² ≈ d, and the reconstruction term is divided by V. The source has no V and E‖x‖² = d, so its λ is ours
//   times V. No AuxK, no unit rows: scaling f up and W_dec down leaves the loss as it is.
//
// Fold to raw units (units.ts): f = f' / s and ‖W_dec_i‖ as trained, because relu(c z) = c relu(z) for c > 0 and the threshold 0 has no
// unit. Rows are not brought to norm 1: dividing them by c_i and multiplying W_enc_i, b_enc_i by c_i rounds, and a z near 0 could
// change its sign. Before the first step ‖W_dec_i‖ = 1/2 (tests/fixtures/sae/make_sae.py).
// Departures: no sparsity warm-up. Proof: tests/golden/sae/relu-steps.test.ts, tests/unit/core/dictionaries/scale.test.ts.
import {
  type Architecture,
  type Forward,
  type Loss,
  type LossInputs,
  type StepInputs,
  settingOf,
} from '../architecture.js';
import { wiredParameters } from '../parameters.js';
import type { Tape } from '../tape.js';
import { buildDecoderNorms, buildEncoder, buildErrors } from '../wired-graph.js';

/** Features per row that a training with a usual λ ends with; nothing depends on it but estimates. */
const USUAL_FIRINGS = 64;
const RECIPE = { norm: 0.5, unit: false, centres: true, biases: ['b_enc'] };

export const relu: Architecture = {
  uses: ['sparsity'],
  betas: [0.9, 0.999],
  ...{ centres: true, selects: false, revives: false },
  parameters: (sizes) => wiredParameters(sizes, RECIPE),
  expectedFirings: (_, features) => Math.min(features, USUAL_FIRINGS),
  buildForward,
  buildLoss,
  buildInference: buildForward,
};

function buildForward(tape: Tape, inputs: StepInputs): Forward {
  const { centred, z } = buildEncoder(tape, inputs, { centres: true, bias: 'b_enc' });
  const f = { layout: 'dense', value: tape.g.op('Relu', [z]) } as const;
  return { z, f, errors: buildErrors(tape, inputs, { f, centred }).errors, backward: null };
}

function buildLoss({ g }: Tape, { inputs, forward, squaredError }: LossInputs): Loss {
  const { batchRows, settings } = inputs;
  const sums = g.op('ReduceSum', [forward.f.value, g.integers(0)], { attributes: { keepdims: 0 } });
  const weighted = g.op('ReduceSum', [g.op('Mul', [sums, buildDecoderNorms(g, inputs)])], {
    attributes: { keepdims: 0 },
  });
  const sparsity = g.op('Mul', [weighted, g.scalar(settingOf(settings, 'sparsity') / batchRows)]);
  return { squares: squaredError, sparsity };
}
