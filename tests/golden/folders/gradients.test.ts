// `model vjp` of a folder: gradients at every site of the graphs that we write, those by block outputs against PyTorch's
// (tests/fixtures/folders/make_folders.py), with ONNX Runtime's optimiser off and fully on.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { asFloat32 } from '../../../core/tensor/safetensors.js';
import { openModel } from '../../../models/open-model.js';
import { writeVjp } from '../../../models/vjp.js';
import { Session, type TensorValue } from '../../../runtime/session.js';
import { FOLDERS } from '../../harness/fixtures.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { largestError, lossRatio, readReference, tensorOf, type Reference } from '../reference.js';
import { MODELS } from './models.js';

const place = temporaryFolder('folder-vjp');

describe.each(MODELS)('%s', (name) => {
  it.each(['disabled', 'all'] as const)('has gradients at every site, optimisation %s', async (optimisation) => {
    const reference = readReference(path.join(FOLDERS, `${name}.reference.safetensors`));
    const { summary } = await openModel(path.join(FOLDERS, name));
    const sites = summary.sites.map((site) => site.name);
    const out = path.join(place, `${name}.onnx`);
    await writeVjp(path.join(FOLDERS, name), { outputs: ['logits'], wrt: sites, stop: [], out });
    const settings = { provider: 'cpu', threads: 1, optimisation } as const;
    const session = await Session.create(readFileSync(out), settings);
    const got = await session.run(feedsOf(reference));
    await session.release();
    for (const { name: site, axes } of summary.sites) {
      const gradient = got[`grad.${site}`];
      expect(gradient?.dims.length, site).toBe(axes.length);
      expect(asFloats(gradient).every(Number.isFinite), site).toBe(true);
      expect(
        asFloats(gradient).some((value) => value !== 0),
        site,
      ).toBe(true);
    }
    for (const site of sites.filter((one) => one.endsWith('hook_resid_post'))) {
      const float32 = tensorOf(reference.tensors, `grad.${site}`);
      const float64 = tensorOf(reference.tensors, `f64.grad.${site}`);
      expect(largestError(asFloats(got[`grad.${site}`]), asFloat32(float32)), site).toBeLessThanOrEqual(1e-5);
      expect(lossRatio(asFloats(got[`grad.${site}`]), { float32, float64 }), site).toBeLessThanOrEqual(5);
    }
  });
});

function asFloats(value: TensorValue | undefined): Float32Array {
  return value?.data as Float32Array;
}

function feedsOf({ ids, length, tensors }: Reference): Record<string, TensorValue> {
  const { shape } = tensorOf(tensors, 'logits');
  const cotangent = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i));
  const dims = [ids.length / length, length];
  return {
    input_ids: { dtype: 'int64', dims, data: BigInt64Array.from(ids, BigInt) },
    'cotangent.logits': { dtype: 'float32', dims: shape, data: cotangent },
  };
}
