// BatchTopK: k features per row on average, shared out over the batch (Bussmann et al. 2024, arXiv 2412.06410).
//
//   training    f = the B k largest of relu(z) over the whole batch
//   inference   f = relu(z) 1[z > θ], one θ for all features
//   z, f [B, F]; loss = Σ‖e‖² / (B V) + AuxK / 32; threshold [1] holds θ
//
// θ is set from the calib split so that k features fire per row there on average (calib-threshold.ts), with the weights of that
// moment. Fold to raw units: σ and the choice as for topk; θ has the unit of features, so 1[z > θ] is the same on both sides.
// Departures: the source takes the running mean of the smallest value that was kept in training batches for θ; that lags behind the
// weights and does not give k. Proof: tests/golden/sae/batchtopk-steps.test.ts, tests/unit/core/dictionaries/calib-threshold.test.ts.
import { type Architecture, type Forward, type StepInputs, settingOf } from '../architecture.js';
import type { GraphBuilder } from '../../onnx/builder.js';
import { valueNamed } from '../../onnx/named-value.js';
import type { Value } from '../../onnx/shape.js';
import { buildSquaredError } from '../losses.js';
import { batchThreshold, wiredParameters } from '../parameters.js';
import type { Selection } from '../rows.js';
import { buildAbove, buildLargestOfBatch } from '../selections.js';
import type { Tape } from '../tape.js';
import { buildEncoder, buildErrors } from '../wired-graph.js';

const RECIPE = { norm: 1, unit: true, centres: true, biases: ['b_enc'] };

export const batchtopk: Architecture = {
  uses: ['k'],
  betas: [0.9, 0.999],
  ...{ centres: true, selects: true, revives: true },
  parameters: (sizes) => [...wiredParameters(sizes, RECIPE), batchThreshold()],
  expectedFirings: (settings) => settingOf(settings, 'k'),
  buildForward: (tape, inputs) => buildChosen(tape, inputs, buildBatchChoice),
  buildLoss: buildSquaredError,
  buildInference: (tape, inputs) => buildChosen(tape, inputs, buildThresholdChoice),
};

type Choice = (g: GraphBuilder, z: Value, inputs: StepInputs) => Selection;

/** Training: the B k largest. */
export function buildBatchChoice(g: GraphBuilder, z: Value, inputs: StepInputs): Selection {
  return buildLargestOfBatch(g, z, { ...inputs, k: settingOf(inputs.settings, 'k') });
}

/** Inference: what lies above the stored threshold. */
export function buildThresholdChoice(g: GraphBuilder, z: Value, { parameters }: StepInputs): Selection {
  return buildAbove(g, z, valueNamed(parameters, 'threshold'));
}

/** The forward pass with a given choice. */
export function buildChosen(tape: Tape, inputs: StepInputs, choose: Choice): Forward {
  const { centred, z } = buildEncoder(tape, inputs, { centres: true, bias: 'b_enc' });
  const f = choose(tape.g, z, inputs);
  return { z, f, errors: buildErrors(tape, inputs, { f, centred }).errors, backward: null };
}
