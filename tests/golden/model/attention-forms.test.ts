// Attention and MLPs in forms that exporters seldom write, against PyTorch's values: biases of more than one axis ([1, 1, d], or by
// head), products written as Einsum, scores with relative positions. Every site is right, or refused with its reason.
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { brokenIdentities, identitiesOf } from '../../../core/hooks/identities.js';
import type { SiteValue } from '../../../core/hooks/identity-errors.js';
import { asFloat32 } from '../../../core/tensor/safetensors.js';
import { checkSites } from '../../../models/check-sites.js';
import { openModel } from '../../../models/open-model.js';
import { runModel } from '../../../models/run-model.js';
import { largestError, readReference, tensorOf } from '../reference.js';

const CASES = 'tests/cases/model';
const ENGINE = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;
const SUM = 'the scores are not one product of queries and keys';

/** Scores that a mask hides are −∞ in both. */
const unmasked = (values: Float32Array): Float32Array => values.map((x) => (x === -Infinity ? 0 : x));

describe.each([
  { name: '04-bias-shapes/bias-1-1-d', refused: {} },
  { name: '04-bias-shapes/deberta-v1-no-relative', refused: {} },
  { name: '04-bias-shapes/deberta-v1', refused: { 'attn.hook_q': SUM, 'attn.hook_k': SUM } },
  { name: '06-einsum-attention/own-einsum-dynamo', refused: {} },
])('$name', ({ name, refused }: { readonly name: string; readonly refused: Readonly<Record<string, string>> }) => {
  const model = path.join(CASES, `${name}.onnx`);
  const { tensors, ...rows } = readReference(path.join(CASES, `${name}.safetensors`));
  const kindOf = (site: string): string => site.replace(/^blocks\.\d+\./, '');
  const named = [...tensors.keys()].filter((key) => key.startsWith('blocks.'));

  it('gives what PyTorch computed, and refuses what is no site', async () => {
    const { summary, ...opened } = await openModel(model);
    expect(await checkSites({ summary, ...opened }, ENGINE)).toEqual([]);
    const missing = summary.unresolved.filter(({ site }) => named.includes(site));
    expect(Object.fromEntries(missing.map(({ site, reason }) => [kindOf(site), reason]))).toEqual(refused);
    const hooks = named.filter((site) => refused[kindOf(site)] === undefined);
    const values = await runModel(model, rows, { hooks, logits: true, engine: ENGINE });
    for (const site of [...hooks, 'logits']) {
      const right = tensorOf(tensors, site);
      expect(values.get(site)?.dims, site).toEqual(right.shape);
      const [got, expected] = [values.get(site)?.data as Float32Array, asFloat32(right)].map(unmasked);
      expect(largestError(got ?? [], expected ?? []), site).toBeLessThan(2e-6);
    }
  });

  it('ties queries and keys to the scores, where one product makes them', async () => {
    const { resolved } = await openModel(model);
    const ties = 'attn.hook_q' in refused ? 0 : 2;
    expect(resolved.scoreTies).toHaveLength(ties);
    const sites = resolved.scoreTies.flatMap(({ scores, q, k }) => [scores, q, k]);
    if (ties === 0) return;
    const got = await runModel(model, rows, { hooks: sites, engine: ENGINE });
    const values = new Map([...got].map(([site, { dims, data }]) => [site, { dims, data: data as Float32Array }]));
    const broken = (changed: ReadonlyMap<string, SiteValue>): number =>
      brokenIdentities(identitiesOf(sites, { scoreTies: resolved.scoreTies }), changed, 2e-5).length;
    expect(broken(values)).toBe(0);
    // A bias that is left out of queries or keys of one block.
    for (const site of [resolved.scoreTies[0]?.q ?? '', resolved.scoreTies[1]?.k ?? '']) {
      const { dims, data } = values.get(site) as SiteValue;
      const without = { dims, data: data.map((x, i) => x + 0.01 * Math.cos(i % 32)) };
      expect(broken(new Map([...values, [site, without]])), site).toBe(1);
    }
  });
});

describe('a bias that is left out of what a non-linearity reads', () => {
  it('breaks the equation of the MLP', async () => {
    const { resolved } = await openModel(path.join(CASES, '04-bias-shapes/bias-1-1-d.onnx'));
    const { tensors } = readReference(path.join(CASES, '04-bias-shapes/bias-1-1-d.safetensors'));
    const [tie] = resolved.curveTies;
    expect(tie).toEqual({ pre: 'blocks.0.mlp.hook_pre', post: 'blocks.0.mlp.hook_post' });
    const sites = [tie?.pre ?? '', tie?.post ?? ''];
    const value = (site: string): SiteValue => {
      const tensor = tensorOf(tensors, site);
      return { dims: tensor.shape, data: asFloat32(tensor) };
    };
    const [pre, post] = sites.map(value) as [SiteValue, SiteValue];
    const broken = (given: SiteValue): number =>
      brokenIdentities(
        identitiesOf(sites, { curveTies: resolved.curveTies }),
        new Map([
          [sites[0] ?? '', given],
          [sites[1] ?? '', post],
        ]),
        2e-5,
      ).length;
    expect(broken(pre)).toBe(0);
    expect(broken({ ...pre, data: pre.data.map((x, i) => x + 0.2 * Math.cos(i % 48)) })).toBe(1);
  });
});
