// The gradient at every site of the exported fixtures, views of tensors and insides of norms included, against the change of
// the loss when the site is moved: ⟨grad.SITE, d⟩ = (L(SITE + ε d) − L(SITE − ε d)) / 2 ε for a direction d of the
// size of the site's own entries, by a fourth-order difference. L = sum(logits · cotangent) of make_exports.py.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readSites } from '../../../core/hooks/read.js';
import { resolveSites, type Site } from '../../../core/hooks/sites.js';
import { spliceSites } from '../../../core/hooks/splice.js';
import { decodeModel } from '../../../core/onnx/codec.js';
import { cutToTensors } from '../../../core/onnx/cut.js';
import { upgradeOpset } from '../../../core/onnx/passes/upgrade-opset.js';
import type { ModelProto } from '../../../core/onnx/proto.js';
import { asFloat32, decodeSafetensors, type SafeTensor } from '../../../core/tensor/safetensors.js';
import { KeyedRandom } from '../../../core/tensor/random.js';
import type { TensorValue } from '../../../runtime/session.js';
import { buildSiteVjp } from '../../../models/vjp.js';
import { EXPORTED, EXPORTS } from '../../harness/fixtures.js';
import { tensorOf } from '../reference.js';
import { openFixture, runFixture } from './run-fixture.js';

const CASES = [...EXPORTED.map((name) => `${name}.dynamo`), 'llama.legacy', 'bert.legacy'];

describe.each(CASES)('%s', (file) => {
  const model = upgradeOpset(decodeModel(readFileSync(`${EXPORTS}/${file}.onnx`)));
  const reference = decodeSafetensors(readFileSync(`${EXPORTS}/${file.split('.')[0] ?? ''}.reference.safetensors`));
  // The path from a site that is read only cannot be moved; the last norm's normalised value has no block after it.
  const sites = resolveSites(model).sites.filter((site) => site.readOnly === null);

  it('moves the loss by the gradient at every site', async () => {
    expect(sites.length).toBeGreaterThan(30);
    const names = sites.map((site) => site.name);
    const gradients = await runFixture(buildSiteVjp(model, { outputs: ['logits'], wrt: names, stop: [] }), reference);
    const read = readSites(model, sites);
    const tensors = [...new Set(read.tensors)].map((tensor) => ({ tensor }));
    const actual = await runFixture(cutToTensors(read.model, tensors).model, reference);
    for (const [n, site] of sites.entries()) {
      const gradient = gradients[`grad.${site.name}`] as TensorValue;
      const values = gradient.data as Float32Array;
      const random = new KeyedRandom(file, site.name);
      const entries = actual[read.tensors[n] ?? '']?.data as Float32Array;
      // Along the gradient and aside, or float32 would hide small gradients; entries that a mask has pushed out of sight stay.
      const direction = entries.map((x, i) => {
        const aside = random.nextFloat() - 0.5;
        return Math.abs(x) > 1e6 ? 0 : Math.abs(x) * (Math.sign(values[i] as number) + aside);
      });
      const predicted = values.reduce((sum, x, i) => sum + x * (direction[i] as number), 0);
      const moved = await differences(model, {
        site,
        reference,
        direction: { dtype: 'float32', dims: gradient.dims, data: direction },
      });
      const scale = Math.hypot(...values) * Math.hypot(...direction);
      // A hundredth of what it predicts: float32 allows no more, and a wrong gradient is off by far more.
      expect(Math.abs(moved - predicted) / scale, site.name).toBeLessThanOrEqual(5e-3);
    }
  });
});

/** The derivative of the loss along a direction at a site. */
async function differences(
  model: ModelProto,
  {
    site,
    reference,
    direction,
  }: { site: Site; reference: ReadonlyMap<string, SafeTensor>; direction: Extract<TensorValue, { dtype: 'float32' }> },
): Promise<number> {
  const spliced = spliceSites(model, [
    {
      site,
      edit: (g, value) => g.op('Add', [value, g.input('direction', value.dtype, value.shape ?? direction.dims)]),
    },
  ]);
  const moved = await openFixture(cutToTensors(spliced, [{ tensor: 'logits' }]).model, reference);
  const cotangent = asFloat32(tensorOf(reference, 'cotangent'));
  const h = 0.05;
  const at = async (step: number): Promise<number> => {
    const data = direction.data.map((x) => x * step);
    const { logits } = await moved.run({ direction: { ...direction, data } });
    return cotangent.reduce((sum, x, i) => sum + x * Number(logits?.data[i]), 0);
  };
  const near = (await at(h)) - (await at(-h));
  const far = (await at(2 * h)) - (await at(-2 * h));
  await moved.close();
  return (8 * near - far) / (12 * h);
}
