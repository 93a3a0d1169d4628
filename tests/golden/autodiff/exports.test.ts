// Gradients of the exported fixtures against PyTorch's (tests/fixtures/exports/make_exports.py): d sum(logits · cotangent) by
// the output of every block, both exporters, with ONNX Runtime's optimiser off and fully on.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { buildVjpModel } from '../../../core/autodiff/vjp-model.js';
import { resolveSites } from '../../../core/hooks/sites.js';
import { decodeModel } from '../../../core/onnx/codec.js';
import { asFloat32, decodeSafetensors } from '../../../core/tensor/safetensors.js';
import type { TensorValue } from '../../../runtime/session.js';
import { EXPORTED, EXPORTERS, EXPORTS } from '../../harness/fixtures.js';
import { largestError, lossRatio, tensorOf } from '../reference.js';
import { runFixture } from './run-fixture.js';

const CASES = EXPORTED.flatMap((name) => EXPORTERS.map((exporter) => ({ name, exporter })));
const BLOCKS = [0, 1].map((n) => `blocks.${n}.hook_resid_post`);

describe.each(CASES)('$name.$exporter', ({ name, exporter }) => {
  const reference = decodeSafetensors(readFileSync(`${EXPORTS}/${name}.reference.safetensors`));
  const model = decodeModel(readFileSync(`${EXPORTS}/${name}.${exporter}.onnx`));
  const { sites } = resolveSites(model);
  const wrt = sites.filter((site) => BLOCKS.includes(site.name));
  const vjp = buildVjpModel(model, { outputs: [{ name: 'logits', tensor: 'logits' }], wrt });

  it('names what it needs and gives', () => {
    expect(wrt.map((site) => site.name)).toEqual(BLOCKS);
    expect(vjp.graph?.output.map((info) => info.name)).toEqual(BLOCKS.map((site) => `grad.${site}`));
    expect(vjp.graph?.input.map((info) => info.name)).toContain('cotangent.logits');
  });

  it.each(['disabled', 'all'] as const)('equals PyTorch, optimisation %s', async (optimisation) => {
    const got = await runFixture(vjp, reference, optimisation);
    for (const site of BLOCKS) {
      const gradient = got[`grad.${site}`] as TensorValue;
      const float32 = asFloat32(tensorOf(reference, `grad.${site}`));
      expect(gradient.dims).toEqual(tensorOf(reference, `grad.${site}`).shape);
      expect(largestError(gradient.data as Float32Array, float32), site).toBeLessThanOrEqual(1e-5);
      const references = {
        float32: tensorOf(reference, `grad.${site}`),
        float64: tensorOf(reference, `f64.grad.${site}`),
      };
      expect(lossRatio(gradient.data as Float32Array, references), site).toBeLessThanOrEqual(5);
    }
  });
});
