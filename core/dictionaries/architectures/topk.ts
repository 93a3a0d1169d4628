// TopK: f = the k largest of relu(z) per row (Makhzani and Frey 2013; Gao et al. 2024, arXiv 2406.04093, section 2.3).
//
//   z [B, F] as wired (wirings.ts); f [B, F] with at most k entries above 0 in a row; loss = Σ‖e‖² / (B V) + AuxK / 32
//
// TopK runs over z and relu over its result: the same features, because relu keeps the order of what is positive.
// ONNX TopK breaks ties by the lower index, which is the project's rule (larger value, then lower feature id).
// Fold to raw units: σ(c z) = c σ(z) for c > 0 and topk keeps its choice, so `units.ts` holds as it stands.
// Departures: none. Proof: tests/golden/sae/topk-steps.test.ts.
import { type Architecture, type Forward, type StepInputs, settingOf } from '../architecture.js';
import { buildSquaredError } from '../losses.js';
import { wiredParameters } from '../parameters.js';
import type { Selection } from '../rows.js';
import { buildLargestOfRows, buildLargestPairs } from '../selections.js';
import { buildSparseBackward } from '../sparse-backward.js';
import type { Tape } from '../tape.js';
import { buildEncoder, buildErrors, decodesPairs } from '../wired-graph.js';

const RECIPE = { norm: 1, unit: true, centres: true, biases: ['b_enc'] };

export const topk: Architecture = {
  uses: ['k'],
  betas: [0.9, 0.999],
  ...{ centres: true, selects: true, revives: true },
  parameters: (sizes) => wiredParameters(sizes, RECIPE),
  expectedFirings: (settings) => settingOf(settings, 'k'),
  buildForward,
  buildLoss: buildSquaredError,
  buildInference: buildForward,
};

function buildForward(tape: Tape, inputs: StepInputs): Forward {
  const { g } = tape;
  const { centred, z } = buildEncoder(tape, inputs, { centres: true, bias: 'b_enc' });
  const k = settingOf(inputs.settings, 'k');
  const f: Selection = decodesPairs(inputs) ? buildLargestPairs(g, z, k) : buildLargestOfRows(g, z, { ...inputs, k });
  const { decoded, errors } = buildErrors(tape, inputs, { f, centred });
  const [first, error] = [decoded[0], errors[0]];
  // By hand where there is one site and it is centred; reverse mode elsewhere.
  if (!centred || !first || !error) return { z, f, errors, backward: null };
  const made = { inputs, centred, z, f, decoded: first, error };
  return { z, f, errors, backward: (request) => buildSparseBackward(g, made, request) };
}
