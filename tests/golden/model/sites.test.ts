// The sites of every fixture model against PyTorch's numbers (tests/fixtures/exports/make_exports.py and
// tests/fixtures/tiny-lm/make_tiny_lm.py), with ONNX Runtime's optimiser off and fully on; sites without a reference obey their
// equations. Further architectures: tests/golden/families.
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { brokenIdentities, identitiesOf } from '../../../core/hooks/identities.js';
import { asFloat32 } from '../../../core/tensor/safetensors.js';
import { checkSites } from '../../../models/check-sites.js';
import { openModel } from '../../../models/open-model.js';
import { runModel } from '../../../models/run-model.js';
import { EXPORTED, EXPORTERS, FIXTURES, TINY_FILES } from '../../harness/fixtures.js';
import { largestError, readReference, tensorOf } from '../reference.js';

const CASES = [
  ...EXPORTED.flatMap((name) =>
    EXPORTERS.map((exporter) => ({
      model: `exports/${name}.${exporter}.onnx`,
      reference: `exports/${name}.reference.safetensors`,
    })),
  ),
  ...TINY_FILES.map((file) => ({
    model: `tiny-lm/${file}`,
    reference: 'tiny-lm/reference.safetensors',
  })),
];

describe.each(CASES)('$model', ({ model, reference }) => {
  const { tensors: expected, ...rows } = readReference(path.join(FIXTURES, reference));
  const named = [...expected.keys()].filter((name) => /^blocks\.\d+\./.test(name));
  const run = (hooks: readonly string[], optimisation: 'disabled' | 'all'): ReturnType<typeof runModel> => {
    const engine = { provider: 'cpu', threads: 1, optimisation } as const;
    return runModel(path.join(FIXTURES, model), rows, { hooks, logits: true, engine });
  };

  it.each(['disabled', 'all'] as const)(
    'gives what PyTorch computed, and its sites obey their equations, optimisation %s',
    async (optimisation) => {
      const { summary } = await openModel(path.join(FIXTURES, model));
      expect(summary.unresolved).toEqual([]);
      const sites = summary.sites.map((site) => site.name);
      const got = await run(sites, optimisation);
      expect(named.length).toBeGreaterThanOrEqual(4);
      for (const name of [...named, 'logits']) {
        const value = got.get(name);
        const right = tensorOf(expected, name);
        expect(value?.dims, name).toEqual(right.shape);
        const error = largestError(value?.data as Float32Array, asFloat32(right));
        expect(error, name).toBeLessThanOrEqual(name === 'logits' ? 2e-6 : 1e-6);
      }
      const values = new Map([...got].map(([name, { dims, data }]) => [name, { dims, data: data as Float32Array }]));
      const identities = identitiesOf(sites);
      expect(new Set(identities.flatMap((identity) => identity.sites)).size).toBeGreaterThan(10);
      expect(brokenIdentities(identities, values, 2e-6)).toEqual([]);
      for (const site of summary.sites) {
        const dims = got.get(site.name)?.dims ?? [];
        expect(dims.length, site.name).toBe(site.axes.length);
        site.sizes.forEach((size, axis) => {
          if (typeof size === 'number') expect(dims[axis], site.name).toBe(size);
        });
      }
    },
  );

  it('gives the stream bit for bit as it is without the other sites', async () => {
    const stream = ['blocks.*.hook_resid_post'];
    const alone = await run(stream, 'disabled');
    const together = await run(['blocks.*.*', 'blocks.*.*.*'], 'disabled');
    for (const [name, value] of alone) expect(together.get(name), name).toEqual(value);
  });
});

describe('the self-check', () => {
  const ENGINE = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;

  it('finds nothing wrong in any fixture', async () => {
    for (const { model } of CASES)
      expect(await checkSites(await openModel(path.join(FIXTURES, model)), ENGINE), model).toEqual([]);
  });

  it('computes only what the wanted sites are in', async () => {
    const opened = await openModel(path.join(FIXTURES, 'exports/gpt2.dynamo.onnx'));
    expect(await checkSites(opened, ENGINE, { wanted: ['hook_embed'] })).toEqual([]);
    const { sites } = opened.resolved;
    const wrong = sites.map((site) =>
      site.name === 'blocks.0.hook_attn_out' ? { ...site, name: 'blocks.0.other' } : site,
    );
    const fewer = { ...opened, resolved: { ...opened.resolved, sites: wrong } };
    expect(await checkSites(fewer, ENGINE, { wanted: ['blocks.0.hook_resid_mid'] })).toEqual([]);
  });
});
