// A transcoder as a kind of its own, for tests: it reads one site and writes another, in the frame that all kinds have.
//
//   z = W_enc (x − b_in) + b_enc      f = the k largest of relu(z)      y_hat = W_decᵀ f + b_dec + W_skip x
//   W_skip [d_out, d_in]; b_in the mean of x, b_dec the mean of y, W_skip 0 before the first step
import {
  type Architecture,
  type Forward,
  type StepInputs,
  settingOf,
} from '../../../../core/dictionaries/architecture.js';
import { buildSquaredError } from '../../../../core/dictionaries/autoencoder.js';
import { buildDecode, type Selection } from '../../../../core/dictionaries/rows.js';
import { readWidths, writeWidths } from '../../../../core/dictionaries/sites.js';
import type { Tape } from '../../../../core/dictionaries/tape.js';
import { valueNamed } from '../../../../core/onnx/named-value.js';
import type { Value } from '../../../../core/onnx/shape.js';

export const transcoder: Architecture = {
  uses: ['k'],
  sites: 'other',
  parameters: ({ sites, features }) => {
    const [[dIn = 0], [dOut = 0]] = [readWidths(sites), writeWidths(sites)];
    const vector = { kind: 'vector', unitRows: false } as const;
    const matrix = { kind: 'matrix', unitRows: false } as const;
    return [
      {
        ...matrix,
        name: 'W_enc',
        shape: [features, dIn],
        initial: (s) => s.directions(dIn),
        unit: { of: 'feature', per: 'input' },
      },
      {
        ...vector,
        name: 'b_enc',
        shape: [features],
        initial: () => new Float32Array(features),
        unit: { of: 'feature' },
      },
      {
        ...{
          ...matrix,
          name: 'W_dec',
          shape: [features, dOut],
          unit: { of: 'output', per: 'feature' },
          unitRows: true,
        },
        initial: (s) => s.directions(dOut),
      },
      {
        ...vector,
        name: 'b_dec',
        shape: [dOut],
        initial: (s) => Float32Array.from(s.writeMeans[0] ?? []),
        unit: { of: 'output' },
      },
      {
        ...vector,
        name: 'b_in',
        shape: [dIn],
        initial: (s) => Float32Array.from(s.readMeans[0] ?? []),
        unit: { of: 'input' },
      },
      {
        ...matrix,
        name: 'W_skip',
        shape: [dOut, dIn],
        initial: () => new Float32Array(dOut * dIn),
        unit: { of: 'output', per: 'input' },
      },
    ];
  },
  expectedFirings: (settings) => settingOf(settings, 'k'),
  buildRevival: (g, f, parameters) => [buildDecode(g, f, valueNamed(parameters, 'W_dec')).product],
  buildForward,
  buildLoss: buildSquaredError,
  buildInference: buildForward,
};

function buildForward({ g }: Tape, { reads, writes, parameters, settings }: StepInputs): Forward {
  const of = (name: string): Value => valueNamed(parameters, name);
  const [x, y] = [reads[0] as Value, writes[0] as Value];
  const z = g.op('Gemm', [g.op('Sub', [x, of('b_in')]), of('W_enc'), of('b_enc')], { attributes: { transB: 1 } });
  const k = settingOf(settings, 'k');
  const [largest, feature] = g.ops('TopK', [z, g.integers(k)], { outputs: 2, attributes: { axis: -1 } }) as [
    Value,
    Value,
  ];
  const f: Selection = { layout: 'pairs', capacity: k, feature, value: g.op('Relu', [largest]) };
  const skip = g.op('Gemm', [x, of('W_skip'), of('b_dec')], { attributes: { transB: 1 } });
  const y_hat = g.op('Add', [buildDecode(g, f, of('W_dec')).product, skip]);
  return { z, f, errors: [g.op('Sub', [y_hat, y])], backward: null };
}
