// Dictionaries as a run holds them: sweeps and patterns of sites written out, defaults by kind, settings left out that say nothing.
import { describe, expect, it } from 'vitest';
import { resolveDictionaries } from '../../../../pipeline/resolve/resolve-dictionary.js';
import { InputError } from '../../../../schemas/errors.js';
import type { TrainedDictionary } from '../../../../schemas/resolved-run.js';
import { saeSection } from '../../../../schemas/sae-section.js';
import { featuresOf, sitesOfDictionary, workOfDictionary } from '../../../../stages/train/dictionary.js';

const sites = [10, 0, 1, 2].flatMap((layer) => [
  { name: `blocks.${layer}.hook_mlp_out`, width: 6 },
  { name: `blocks.${layer}.ln2.hook_normalized`, width: 8 },
]);
const ENGINE = { ort: 'any', provider: 'cpu', threads: 2, optimisation: 'all' } as const;
const known = { sites, unknown: (where: string, site: string) => new InputError(`${where} ${site}`) };
const resolve = (fields: object): TrainedDictionary[] =>
  resolveDictionaries(saeSection.parse({ name: 'd', tokens: 100_000, features: 64, ...fields }), known, ENGINE);
const one = (fields: object): TrainedDictionary => resolve(fields)[0] as TrainedDictionary;
const run = { sites, dictionaries: [], model: { width: 8 } };

describe('resolved dictionaries', () => {
  it('read and write the one site of a hook, with nothing said of what is not used', () => {
    const { reads, writes, sae } = one({ hook: 'blocks.0.hook_mlp_out', k: 4 });
    expect([reads, writes]).toEqual([['blocks.0.hook_mlp_out'], ['blocks.0.hook_mlp_out']]);
    const absent = ['skip', 'crossLayer', 'routed', 'slices', 'candidates', 'moments', 'l0', 'prefixes'];
    expect(absent.filter((name) => name in sae)).toEqual([]);
    expect(sae).toMatchObject({ betas: [0.9, 0.999], auxK: 3 });
  });

  it('have the sites of a pattern in the order of layers', () => {
    const pattern = { reads: ['blocks.*.ln2.hook_normalized'], writes: ['blocks.*.hook_mlp_out'] };
    const { reads, writes, sae } = one({ ...pattern, crossLayer: true, architecture: 'jumprelu', l0: 8 });
    expect(reads).toEqual([0, 1, 2, 10].map((layer) => `blocks.${layer}.ln2.hook_normalized`));
    expect(writes).toEqual([0, 1, 2, 10].map((layer) => `blocks.${layer}.hook_mlp_out`));
    expect(sae).toMatchObject({
      crossLayer: true,
      features: 64,
      betas: [0, 0.999],
      bandwidth: 0.1,
      threshold: 0.1,
      auxK: 0,
    });
    const own = { name: 'd', reads, writes, sae };
    expect(featuresOf(own)).toBe(256);
    // Encoders 4 · 64 · 8; decoders (1 + 2 + 3 + 4) · 64 · 6; float32.
    expect(workOfDictionary(run, own).weightBytes).toBe(4 * (4 * 64 * 8 + 10 * 64 * 6));
    expect(sitesOfDictionary(run, own)).toMatchObject({ reads: [0, 1, 2, 3], writes: [4, 5, 6, 7], crossLayer: true });
  });

  it('are one for each combination of a sweep, in its order', () => {
    const made = resolve({
      name: 's-{{k}}-{{seed}}',
      hook: 'blocks.0.hook_mlp_out',
      sweep: { k: [2, 4], seed: [1, 2] },
    });
    expect(made.map(({ name, sae }) => [name, sae.k, sae.seed])).toEqual([
      ['s-2-1', 2, 1],
      ['s-2-2', 2, 2],
      ['s-4-1', 4, 1],
      ['s-4-2', 4, 2],
    ]);
    expect(made[0]?.sae).not.toHaveProperty('sweep');
  });

  it('fill in the prefixes of matryoshka, and keep what is said otherwise', () => {
    const hook = { hook: 'blocks.0.hook_mlp_out', k: 4, architecture: 'matryoshka' };
    expect(one(hook).sae.prefixes).toEqual([4, 8, 16, 32, 64]);
    expect(one({ ...hook, prefixes: [1, 64], betas: [0, 0.9] }).sae).toMatchObject({
      prefixes: [1, 64],
      betas: [0, 0.9],
    });
    expect(one({ ...hook, slices: 2, moments: 'row' }).sae).toMatchObject({ slices: 2, moments: 'row' });
    expect(one({ ...hook, architecture: 'topk', candidates: 'int8' }).sae).toMatchObject({ candidates: 'int8' });
    expect(one({ ...hook, candidates: 'exact' }).sae).not.toHaveProperty('candidates');
    expect(() => one({ ...hook, architecture: 'batchtopk', candidates: 'int8' })).toThrow(
      'saes: "d": expected candidates to be exact for batchtopk, which chooses over a whole batch (int8 is for topk), found int8',
    );
  });

  it('have slices where they are wide and nobody says how many, of the fast step alone', () => {
    const hook = { hook: 'blocks.0.hook_mlp_out', k: 4, features: 8192 };
    expect(one(hook).sae.slices).toBe(2);
    expect(one({ ...hook, slices: 1 }).sae).not.toHaveProperty('slices');
    expect(one({ ...hook, slices: 8 }).sae.slices).toBe(8);
    expect(one({ ...hook, features: 4096 }).sae).not.toHaveProperty('slices');
    // Experts are dictionaries of their own, and one trainer has no slices.
    expect(one({ ...hook, routed: { experts: 4, kind: 'frozen' } }).sae).not.toHaveProperty('slices');
    expect(one({ ...hook, features: 32_768, routed: { experts: 4, kind: 'frozen' } }).sae.slices).toBe(2);
    expect(one({ ...hook, routed: { experts: 4, kind: 'learned' } }).sae).not.toHaveProperty('slices');
    const [gpu] = resolveDictionaries(saeSection.parse({ name: 'd', tokens: 100_000, ...hook }), known, {
      ...ENGINE,
      provider: 'webgpu',
    });
    expect(gpu?.sae).not.toHaveProperty('slices');
  });

  it('are refused where patterns do not fit', () => {
    const lists = { reads: ['blocks.*.ln2.hook_normalized'], writes: ['blocks.1*.hook_mlp_out'], k: 4 };
    expect(() => one({ ...lists, crossLayer: true })).toThrow(
      'saes: "d": Expected as many sites to write as to read, two or more, for a dictionary with `crossLayer`, found 4 read and 2 written',
    );
    expect(() => one({ ...lists, reads: ['blocks.3.hook_mlp_out'] })).toThrow('saes: "d" reads blocks.3.hook_mlp_out');
    const layers = { ...lists, writes: ['blocks.*.hook_mlp_out'], crossLayer: true };
    expect(() => one({ ...layers, k: 257 })).toThrow('saes: "d": expected k to be at most features (256), found 257.');
    expect(one({ ...layers, k: 256 }).sae.k).toBe(256);
  });
});
