// Matryoshka: batchtopk whose first features reconstruct by themselves (Bussmann et al. 2025, arXiv 2503.17547; Nabeshima 2024).
//
//   prefixes 0 < m_1 < … < m_G = F
//   rec = 1 / G Σ_g Σ_b ‖x − b_dec − Σ_{i < m_g} f_bi W_dec_i‖² / (B V);   loss = rec + AuxK / 32, AuxK on the whole reconstruction
//   z, f [B, F], chosen over all F as batchtopk does; threshold [1] likewise; e_g [B, d] the error of prefix g
//
// e_g = e_{g−1} + f[m_{g−1} … m_g) W_dec[m_{g−1} … m_g): one decoder product for all prefixes. A feature of part h learns from
// every e_g with g ≥ h, by reverse mode.
// Departures: the source adds the term of b_dec alone; k and θ as in batchtopk.ts. A cross-layer dictionary has no single order of
// features, so it has no prefixes. Proof: tests/golden/sae/matryoshka-steps.test.ts.
import { type Architecture, type Loss, type LossInputs, settingOf } from '../architecture.js';
import { valueNamed } from '../../onnx/named-value.js';
import type { Value } from '../../onnx/shape.js';
import { batchThreshold, wiredParameters } from '../parameters.js';
import { buildDecode, sumOfSquares } from '../rows.js';
import type { Tape } from '../tape.js';
import { buildBase, firstFeatures } from '../wired-graph.js';
import { wiringOf } from '../wirings.js';
import { buildBatchChoice, buildChosen, buildThresholdChoice } from './batchtopk.js';

const RECIPE = { norm: 1, unit: true, centres: true, biases: ['b_enc'] };
/** Parts of all features that the first prefixes hold where none are given (the source's). */
const PARTS = [16, 8, 4, 2, 1];

export const matryoshka: Architecture = {
  uses: ['k'],
  takes: ['prefixes'],
  defaults: ({ features }) => ({
    prefixes: [...new Set(PARTS.map((part) => Math.max(1, Math.floor(features / part))))],
  }),
  betas: [0.9, 0.999],
  lacks: ['crossLayer'],
  ...{ centres: true, selects: true, revives: true },
  parameters: (sizes) => [...wiredParameters(sizes, RECIPE), batchThreshold()],
  expectedFirings: (settings) => settingOf(settings, 'k'),
  buildForward: (tape, inputs) => buildChosen(tape, inputs, buildBatchChoice),
  buildLoss,
  buildInference: (tape, inputs) => buildChosen(tape, inputs, buildThresholdChoice),
};

function buildLoss(tape: Tape, { inputs, forward }: LossInputs): Loss {
  const { g } = tape;
  const { features, parameters, settings } = inputs;
  const prefixes = settingOf(settings, 'prefixes');
  const sum = (values: readonly Value[]): Value => values.reduce((a, b) => g.op('Add', [a, b]));
  let errors = buildBase(tape, inputs);
  const squares = prefixes.map((end, i) => {
    const from = prefixes[i - 1] ?? 0;
    const f = firstFeatures(g, forward.f, { from, features: end, of: features });
    errors = wiringOf(inputs).decoders.map(({ name }, site) => {
      const rows = g.op('Slice', [valueNamed(parameters, name), g.integers(from), g.integers(end), g.integers(0)]);
      return g.op('Add', [errors[site] as Value, buildDecode(g, f, rows).product]);
    });
    return sum(errors.map((error) => sumOfSquares(g, error)));
  });
  return { squares: g.op('Mul', [sum(squares), g.scalar(1 / prefixes.length)]), sparsity: null };
}
