// Graphs that we write for folders of config.json and safetensors against PyTorch (tests/fixtures/folders/make_folders.py): values of
// every block with ONNX Runtime's optimiser off and fully on, sites by construction against the structural resolver, gradients.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { FAMILIES, FAMILY_NAMES } from '../../../core/decoders/families.js';
import { asFloat32 } from '../../../core/tensor/safetensors.js';
import { checkSites } from '../../../models/check-sites.js';
import { writeFolderModel } from '../../../models/folder/folder-model.js';
import { openModel } from '../../../models/open-model.js';
import { runModel } from '../../../models/run-model.js';
import { FOLDERS } from '../../harness/fixtures.js';
import { asFloat64, largestError, readReference, tensorOf } from '../reference.js';
import { MODELS } from './models.js';

const folderOf = (name: string): string => path.join(FOLDERS, name);

/**
 * Of block outputs and logits, against PyTorch in float32 or in float64: its own two differ by up to 1e-6 (Gemma 3), so that no value
 * can be held to both. Of every other site, against float32.
 */
const TOLERANCE = 1e-6;
const INSIDE_TOLERANCE = 2e-6;
const ENGINE = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;

it('there is a model of every family', async () => {
  const families = await Promise.all(MODELS.map(async (name) => (await writeFolderModel(folderOf(name))).family));
  expect([...new Set(families)].sort()).toEqual(FAMILY_NAMES.map((name) => FAMILIES[name].title).sort());
});

it('the graphs are those of before: another byte is another model, whose every result would be computed anew', async () => {
  const hash = createHash('sha256');
  for (const name of [...MODELS].sort()) hash.update((await writeFolderModel(folderOf(name))).onnx);
  expect(hash.digest('hex')).toBe('13027c8cc3dfd5d307904fc2dd8ccbd0887a478a437595fddd90253075d12ef8');
});

describe.each(MODELS)('%s', (name) => {
  const reference = readReference(`${folderOf(name)}.reference.safetensors`);
  const hooks = [...reference.tensors.keys()].filter((site) => site.startsWith('blocks.'));

  it.each(['disabled', 'all'] as const)('gives what PyTorch computed, optimisation %s', async (optimisation) => {
    const engine = { ...ENGINE, optimisation };
    const got = await runModel(folderOf(name), reference, { hooks, logits: true, engine });
    expect(hooks.length).toBeGreaterThanOrEqual(20);
    for (const site of [...hooks, 'logits']) {
      const expected = tensorOf(reference.tensors, site);
      const value = got.get(site);
      expect(value?.dims, site).toEqual(expected.shape);
      const found = (value?.data ?? []) as ArrayLike<number>;
      const error = largestError(found, asFloat32(expected));
      expect(error, site).toBeLessThanOrEqual(INSIDE_TOLERANCE);
      const exact = reference.tensors.get(`f64.${site}`);
      expect(exact !== undefined, site).toBe(site === 'logits' || site.endsWith('hook_resid_post'));
      if (exact) expect(Math.min(error, largestError(found, asFloat64(exact))), site).toBeLessThanOrEqual(TOLERANCE);
    }
  });

  it('has the sites by structure that it has by construction, each a tensor of its own name and axes', async () => {
    const { sites } = await writeFolderModel(folderOf(name));
    const { summary } = await openModel(folderOf(name));
    expect(summary.unresolved).toEqual([]);
    expect(new Map(summary.sites.map((site) => [site.name, site.tensor]))).toEqual(new Map(sites));
    for (const { name: site, view } of summary.sites) {
      // The inside of a norm that is one operator is computed beside it; a position table has no axis of a batch.
      const kind = site === 'hook_pos_embed' ? 'axes' : view?.kind === 'norm' ? 'norm' : null;
      expect(view?.kind ?? null, site).toBe(kind);
    }
    expect(await checkSites(await openModel(folderOf(name)), ENGINE)).toEqual([]);
  });

  it('is the same bytes and the same digest every time', async () => {
    const [one, two] = [await writeFolderModel(folderOf(name)), await writeFolderModel(folderOf(name))];
    expect(Buffer.from(one.onnx).equals(two.onnx)).toBe(true);
    expect(Buffer.from(one.onnx).includes(name === 'llama' ? FOLDERS : `folders/${name}`)).toBe(false);
    expect((await openModel(folderOf(name))).summary.digest).toBe((await openModel(folderOf(name))).summary.digest);
  });
});
