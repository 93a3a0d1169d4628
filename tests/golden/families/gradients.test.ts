// Gradients of many architectures by the output of every block against PyTorch's (tests/fixtures/families/make_families.py), and
// what must hold between gradients at the places of one sum; both exporters, with ONNX Runtime's optimiser off and fully on.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeModel } from '../../../core/onnx/codec.js';
import { asFloat32 } from '../../../core/tensor/safetensors.js';
import { buildSiteVjp } from '../../../models/vjp.js';
import { FAMILIES } from '../../harness/fixtures.js';
import { runFixture } from '../autodiff/run-fixture.js';
import { largestError, lossRatio, readReference, tensorOf } from '../reference.js';
import { FAMILY_ROWS } from './table.js';

const CASES = FAMILY_ROWS.flatMap((family) =>
  family.exporters.map((exporter) => ({ ...family, file: `${family.name}.${exporter}.onnx` })),
);

describe.each(CASES)('$file', ({ name, file, layers, has, norm }) => {
  const { tensors } = readReference(path.join(FAMILIES, `${name}.reference.safetensors`));
  const posts = Array.from({ length: layers }, (_, n) => `blocks.${n}.hook_resid_post`);
  const parts = ['hook_attn_out', 'hook_resid_mid', 'hook_mlp_out'].filter((kind) => has.has(kind));
  const inside = parts.map((kind) => `blocks.0.${kind}`);
  const model = decodeModel(readFileSync(path.join(FAMILIES, file)));
  const options = { outputs: ['logits'], wrt: [...posts, ...inside], stop: [] };

  it.each(['disabled', 'all'] as const)('equals PyTorch, optimisation %s', async (optimisation) => {
    const got = await runFixture(buildSiteVjp(model, options), tensors, optimisation);
    const gradient = (site: string): Float32Array => got[`grad.${site}`]?.data as Float32Array;
    for (const site of posts) {
      const float32 = tensorOf(tensors, `grad.${site}`);
      const float64 = tensorOf(tensors, `f64.grad.${site}`);
      expect(got[`grad.${site}`]?.dims).toEqual(float32.shape);
      expect(largestError(gradient(site), asFloat32(float32)), site).toBeLessThanOrEqual(1e-5);
      expect(lossRatio(gradient(site), { float32, float64 }), site).toBeLessThanOrEqual(5);
    }
    // What is added to the stream has the gradient of the sum.
    const sums: Record<string, string> = { hook_attn_out: 'hook_resid_mid' };
    if (norm === 'pre') sums['hook_mlp_out'] = 'hook_resid_post';
    for (const [part, sum] of Object.entries(sums)) {
      const expected = gradient(`blocks.0.${has.has(sum) ? sum : 'hook_resid_post'}`);
      expect(largestError(gradient(`blocks.0.${part}`), expected), part).toBeLessThanOrEqual(2e-6);
    }
  });
});
