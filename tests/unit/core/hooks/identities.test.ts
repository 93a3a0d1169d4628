// The equations between sites hold for a right model, and each kind of wrong site breaks the equation that is its own.
import { describe, expect, it } from 'vitest';
import { brokenIdentities, identitiesOf } from '../../../../core/hooks/identities.js';
import { scoresError, type SiteValue } from '../../../../core/hooks/identity-errors.js';
import { resolveSites } from '../../../../core/hooks/sites.js';
import { transformer, valuesOf } from './graphs.js';

const names = (n: number): string[] =>
  [
    'hook_resid_pre',
    'attn.hook_pattern',
    'attn.hook_attn_scores',
    'attn.hook_v',
    'attn.hook_z',
    'hook_attn_out',
    'hook_resid_mid',
    'hook_mlp_in',
    'hook_mlp_out',
    'hook_resid_post',
  ].map((name) => `blocks.${n}.${name}`);
const equations = (sites: readonly string[]): string[] => identitiesOf(sites).map((i) => i.equation);

describe('the equations of a model', () => {
  it('are those of its sites', () => {
    expect(equations(names(0))).toEqual([
      'resid_mid = resid_pre + attn_out',
      'resid_post = resid_mid + mlp_out',
      'pattern = softmax(scores)',
      'z = pattern · v',
    ]);
    const parallel = names(0).filter((name) => !name.endsWith('mid'));
    expect(equations(parallel)[0]).toBe('resid_post = resid_pre + attn_out + mlp_out');
    const post = [...names(0), 'blocks.0.hook_resid_sum'];
    expect(equations(post).slice(0, 2)).toEqual(['resid_mid = resid_pre + attn_out', 'resid_sum = mlp_in + mlp_out']);
    const both = equations([...names(0), ...names(1)]);
    expect(both.at(-1)).toBe('later positions have weight in no pattern or in every one');
    expect(equations(['hook_embed'])).toEqual([]);
  });

  const model = transformer();
  const { sites } = resolveSites(model);
  const identities = identitiesOf(sites.map((site) => site.name));
  /** The values of a right model after one of them is changed. */
  async function after(site: string, change: (value: SiteValue) => SiteValue): Promise<readonly string[]> {
    const values = new Map(await valuesOf(model, sites));
    const found = values.get(site);
    if (!found) throw new RangeError(site);
    values.set(site, change({ dims: found.dims, data: found.data.slice() }));
    return brokenIdentities(identities, values, 1e-5).map(({ equation }) => equation);
  }
  const scaled =
    (factor: number) =>
    ({ dims, data }: SiteValue): SiteValue => ({ dims, data: data.map((x) => x * factor) });
  const one =
    (to: number) =>
    ({ dims, data }: SiteValue): SiteValue => ({ dims, data: data.map((x, i) => (i === 3 ? to : x)) });

  it.each<[string, (value: SiteValue) => SiteValue, string[]]>([
    ['blocks.0.hook_mlp_out', one(0.5), ['resid_post = resid_mid + mlp_out']],
    ['blocks.0.hook_mlp_out', one(NaN), ['resid_post = resid_mid + mlp_out']],
    ['blocks.1.attn.hook_attn_scores', scaled(1.01), ['pattern = softmax(scores)']],
    ['blocks.1.attn.hook_z', scaled(1.001), ['z = pattern · v']],
    [
      'blocks.1.attn.hook_v',
      ({ dims: [b = 0, p = 0, h = 0, d = 0], data }) => ({ dims: [b, p, d, h], data }),
      ['z = pattern · v'],
    ],
    [
      'ln_final.hook_scale',
      scaled(1.001),
      ['ln_final: normalized · scale = x − mean(x) or x, scale² = variance + eps, x = resid_post'],
    ],
    [
      'blocks.0.ln1.hook_normalized',
      one(2),
      ['ln1: normalized · scale = x − mean(x) or x, scale² = variance + eps, x = resid_pre'],
    ],
    ['blocks.1.attn.hook_pattern', scaled(1.1), ['pattern = softmax(scores)', 'z = pattern · v']],
  ])('catch a wrong %s', async (site, change, broken) => {
    expect(await after(site, change)).toEqual(broken);
  });

  it('hold for the right values, and a pattern whose rows share with a sink is none', async () => {
    expect(await after('hook_embed', (value) => value)).toEqual([]);
    const shared = await after('blocks.0.attn.hook_pattern', scaled(0.5));
    expect(shared).toEqual(['z = pattern · v']);
  });

  it('compare where later positions have weight', () => {
    const sitesOf = ['blocks.0.attn.hook_pattern', 'blocks.1.attn.hook_pattern'];
    const [future] = identitiesOf(sitesOf);
    const causal = { dims: [1, 1, 2, 2], data: Float32Array.of(1, 0, 0.5, 0.5) };
    const open = { dims: [1, 1, 2, 2], data: Float32Array.of(0.5, 0.5, 0.5, 0.5) };
    expect(future?.error([causal, causal])).toBe(0);
    expect(future?.error([open, open])).toBe(0);
    expect(future?.error([causal, open])).toBe(1);
  });

  it('say sites, equation, error and tolerance', () => {
    const values = new Map(names(0).map((name) => [name, { dims: [1, 1, 2], data: Float32Array.of(1, 1) }]));
    const [first] = brokenIdentities(identitiesOf(names(0)), values, 1e-5);
    expect(first).toEqual({
      sites: ['blocks.0.hook_resid_mid', 'blocks.0.hook_resid_pre', 'blocks.0.hook_attn_out'],
      equation: 'resid_mid = resid_pre + attn_out',
      error: 0.5,
      tolerance: 1e-5,
    });
  });
});

describe('scores and the product of queries and keys', () => {
  const [rows, heads, pos, d] = [3, 2, 4, 5];
  const value = (dims: readonly number[], seed: number): SiteValue => {
    const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(seed + 1.3 * i));
    return { dims, data };
  };
  const [q, k] = [value([rows, pos, heads, d], 1), value([rows, pos, 1, d], 2)];
  /** f(0.5 q·kᵀ) + mask, the mask the same for every row. */
  const scores = (f: (x: number) => number): SiteValue => {
    const data = Float32Array.from({ length: rows * heads * pos * pos }, (_, i) => {
      const [key, query] = [i % pos, Math.floor(i / pos) % pos];
      const [head, row] = [Math.floor(i / (pos * pos)) % heads, Math.floor(i / (pos * pos * heads))];
      if (key > query) return -Infinity;
      let product = 0;
      for (let j = 0; j < d; j++) {
        const left = q.data[((row * pos + query) * heads + head) * d + j] as number;
        product += left * (k.data[(row * pos + key) * d + j] as number);
      }
      return f(0.5 * product);
    });
    return { dims: [rows, heads, pos, pos], data };
  };

  it('agree up to one scale and a mask, capped or not', () => {
    expect(
      scoresError(
        scores((x) => x),
        [q, k],
        null,
      ),
    ).toBeLessThan(1e-6);
    expect(
      scoresError(
        scores((x) => 2 * Math.tanh(x / 2)),
        [q, k],
        2,
      ),
    ).toBeLessThan(1e-5);
    expect(
      scoresError(
        scores((x) => 2 * Math.tanh(x / 2)),
        [q, k],
        null,
      ),
    ).toBeGreaterThan(1e-3);
  });

  it('differ where a bias is left out of either', () => {
    const biased = ({ dims, data }: SiteValue): SiteValue => ({ dims, data: data.map((x, i) => x + 0.1 * (i % d)) });
    expect(
      scoresError(
        scores((x) => x),
        [biased(q), k],
        null,
      ),
    ).toBeGreaterThan(1e-2);
    expect(
      scoresError(
        scores((x) => x),
        [q, biased(k)],
        null,
      ),
    ).toBeGreaterThan(1e-2);
  });
});
