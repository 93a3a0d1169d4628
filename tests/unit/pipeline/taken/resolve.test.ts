// `from` of a run file against the run's sites: one dictionary, a set with a member for each layer, a cross-layer transcoder; sites of
// the file or of the run, and every way in which they do not fit. Weights are uploaded under their digest.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { encodeSafetensors, type SafeTensor, safeTensor } from '../../../../core/tensor/safetensors.js';
import { resolveEntries } from '../../../../pipeline/resolve/resolve-taken.js';
import { InputError } from '../../../../schemas/errors.js';
import { saeSection } from '../../../../schemas/sae-section.js';
import { FIXTURES } from '../../../harness/fixtures.js';

const folder = path.join(FIXTURES, 'interop');
const root = await mkdtemp(path.join(os.tmpdir(), 'assay-taken-model-'));
afterAll(() => rm(root, { recursive: true, force: true }));
const layers = [0, 1, 2].flatMap((layer) => [`blocks.${layer}.hook_resid_mid`, `blocks.${layer}.hook_mlp_out`]);
const sites = ['blocks.2.hook_resid_post', 'blocks.1.ln2.hook_normalized', ...layers].map((name) => ({
  name,
  width: 16,
}));
const known = { sites, unknown: (where: string, site: string) => new InputError(`${where} unknown ${site}`) };

const ENGINE = { ort: 'any', provider: 'cpu', threads: 2, optimisation: 'all' } as const;
function resolve(
  entry: object,
  at: typeof known & { readonly model?: string } = known,
): ReturnType<typeof resolveEntries> {
  return resolveEntries([saeSection.parse({ name: 'p', ...entry })], { folder, known: at, engine: ENGINE });
}

describe('the model that a dictionary was trained on', () => {
  const CFG = {
    ...{ architecture: 'standard', d_in: 16, d_sae: 32, dtype: 'float32', normalize_activations: 'none' },
    metadata: { sae_lens_version: '6.54.12', hook_name: 'blocks.2.hook_resid_post', assay_model: 'aaaa' },
  };

  async function written(cfg: object): Promise<string> {
    const place = await mkdtemp(path.join(root, 'case-'));
    const random = (shape: readonly number[]): SafeTensor =>
      safeTensor(
        Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i * i)),
        shape,
      );
    const tensors = { W_enc: random([16, 32]), b_enc: random([32]), W_dec: random([32, 16]), b_dec: random([16]) };
    await writeFile(path.join(place, 'cfg.json'), JSON.stringify(cfg));
    const chunks = encodeSafetensors(new Map(Object.entries(tensors)));
    await writeFile(path.join(place, 'sae_weights.safetensors'), Buffer.concat(chunks));
    return place;
  }

  it('must be that of the run, where a file says it', async () => {
    const from = await written(CFG);
    await expect(resolve({ from }, { ...known, model: 'bbbb' })).rejects.toThrow(
      /saes: "p": expected a dictionary of the run's model bbbb, found one that was trained on aaaa. Give the run that model. .*leave `metadata.assay_model` out/,
    );
    expect(await resolve({ from }, { ...known, model: 'aaaa' })).toHaveLength(1);
    // The run trains its model: its digest is not known yet.
    expect(await resolve({ from })).toHaveLength(1);
  });

  it('may be any where no file says it', async () => {
    const { assay_model: _, ...metadata } = CFG.metadata;
    expect(await resolve({ from: await written({ ...CFG, metadata }) }, { ...known, model: 'bbbb' })).toHaveLength(1);
  });
});

describe('a dictionary that a run takes', () => {
  it('has its kind, its sites and no setting of a training, and is uploaded under its digest', async () => {
    const [entry] = await resolve({ from: 'saelens/topk-layer_norm' });
    const [dictionary] = entry?.dictionaries ?? [];
    expect(dictionary).toMatchObject({
      ...{ name: 'p', reads: ['blocks.2.hook_resid_post'], writes: ['blocks.2.hook_resid_post'] },
      sae: { architecture: 'topk', features: 64, k: 6, inputTransform: 'layernorm' },
      taken: { format: 'saelens' },
    });
    expect(Object.keys(dictionary?.sae ?? {}).sort()).toEqual(['architecture', 'features', 'inputTransform', 'k']);
    const sha256 = entry?.uploads[0]?.stored.sha256 ?? '';
    expect(dictionary).toMatchObject({
      taken: { weights: { sha256, key: `data/${sha256.slice(0, 2)}/${sha256}.safetensors` } },
    });
    const [again] = await resolve({ from: 'saelens/topk-layer_norm' });
    expect(again?.uploads[0]?.stored).toEqual(entry?.uploads[0]?.stored);
  });

  it('is a member for each layer where a folder holds a set', async () => {
    const [entry] = await resolve({ from: 'others/set-relu' });
    expect(entry?.dictionaries.map(({ name, reads, writes }) => [name, reads[0], writes[0]])).toEqual(
      [0, 1, 2].map((layer) => [`p.${layer}`, `blocks.${layer}.hook_resid_mid`, `blocks.${layer}.hook_mlp_out`]),
    );
  });

  it('reads and writes every layer where it is cross-layer', async () => {
    const [entry] = await resolve({ from: 'others/clt-jump' });
    const mid = [0, 1, 2].map((layer) => `blocks.${layer}.hook_resid_mid`);
    expect(entry?.dictionaries).toMatchObject([
      { name: 'p', reads: mid, sae: { architecture: 'jumprelu', features: 64, crossLayer: true } },
    ]);
  });

  it('takes the site of the run file where its files do not say one, and a transcoder where two are given', async () => {
    const [entry] = await resolve({ from: 'others/gemma-scope', hook: 'blocks.2.hook_resid_post' });
    expect(entry?.dictionaries).toMatchObject([{ reads: ['blocks.2.hook_resid_post'] }]);
    const two = { reads: 'blocks.1.hook_resid_mid', writes: 'blocks.1.hook_mlp_out' };
    const [transcoder] = await resolve({ from: 'others/gemma-scope', ...two });
    expect(transcoder?.dictionaries).toMatchObject([{ reads: [two.reads], writes: [two.writes] }]);
  });

  it.each([
    ['no site is said', { from: 'others/gemma-scope' }, /reads: expected a site, found none in its files; give `hook`/],
    [
      'two sites are given to an autoencoder',
      { from: 'saelens/topk', reads: layers[0], writes: layers[1] },
      /reads the site that it writes, found .* give `hook`/,
    ],
    [
      'one site is given to a transcoder',
      { from: 'saelens/transcoder', hook: 'blocks.2.hook_resid_post' },
      /reads one site and writes another/,
    ],
    [
      'it is as wide as no site',
      { from: 'saelens/transcoder' },
      /width 16 for blocks.1.hook_mlp_out, found one of width 24/,
    ],
    ['it wants to import code', { from: 'others/wants-system' }, /saes: "p": .* wants to import "posix.system"/],
  ])('is refused where %s', async (_, entry, text) => {
    await expect(resolve(entry)).rejects.toThrow(text);
  });

  it('is refused where the site that its files name is not extracted', async () => {
    const few = { ...known, sites: sites.slice(1) };
    await expect(resolve({ from: 'saelens/topk' }, few)).rejects.toThrow(
      /expected blocks.2.hook_resid_post, which its files name, among activations.hooks/,
    );
  });
});
