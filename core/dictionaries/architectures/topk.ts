// TopK: f = the k largest of relu(z) per row (Makhzani and Frey 2013; Gao et al. 2024, arXiv 2406.04093, section 2.3).
// TopK runs over z and relu over its result: the same features, because relu keeps the order of what is positive.
// ONNX TopK breaks ties by the lower index, which is the project's rule (larger value, then lower feature id).
// Fold to raw units: σ(c z) = c σ(z) for c > 0 and topk keeps its choice, so `units.ts` holds as it stands.
import { type Architecture, type Forward, type StepInputs, settingOf } from '../architecture.js';
import { autoencoderParameters, buildEncoder, buildSquaredError } from '../autoencoder.js';
import type { GraphBuilder } from '../../onnx/builder.js';
import { valueNamed } from '../../onnx/named-value.js';
import type { Value } from '../../onnx/shape.js';
import { type Selection, buildDecode } from '../rows.js';
import { buildSparseBackward } from '../sparse-backward.js';
import type { Tape } from '../tape.js';

export const topk: Architecture = {
  uses: ['k'],
  sites: 'same',
  parameters: (sizes) => autoencoderParameters(sizes, { norm: 1, unit: true }),
  expectedFirings: (settings) => settingOf(settings, 'k'),
  buildRevival: (g, f, parameters) => [buildDecode(g, f, valueNamed(parameters, 'W_dec')).product],
  buildForward,
  buildLoss: buildSquaredError,
  buildInference: buildForward,
};

function buildForward(tape: Tape, inputs: StepInputs): Forward {
  const { g } = tape;
  const { centred, z } = buildEncoder(tape, inputs);
  const f = buildLargest(g, z, settingOf(inputs.settings, 'k'));
  const decoded = buildDecode(g, f, valueNamed(inputs.parameters, 'W_dec'));
  // x_hat − x = f W_dec − (x − b_dec)
  const error = g.op('Sub', [decoded.product, centred]);
  return {
    ...{ z, f, errors: [error] },
    backward: (request) => buildSparseBackward(g, { inputs, centred, z, f, decoded, error }, request),
  };
}

function buildLargest(g: GraphBuilder, z: Value, k: number): Selection {
  const [largest, feature] = g.ops('TopK', [z, g.integers(k)], {
    outputs: 2,
    attributes: { axis: -1 },
  }) as [Value, Value];
  return { layout: 'pairs', capacity: k, feature, value: g.op('Relu', [largest]) };
}
