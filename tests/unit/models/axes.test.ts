// The axes of sites where a model computes in [pos, batch, …]: logits are turned as sites are, and the self-check finds a site that
// is taken in the wrong axes, by its shape or by how far a change reaches, whatever told the resolver so.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Site } from '../../../core/hooks/sites.js';
import { graphOf } from '../../../core/onnx/cut.js';
import { encodeModel, joinChunks } from '../../../core/onnx/codec.js';
import type { ModelProto } from '../../../core/onnx/proto.js';
import { brokenText, checkSites, requireIdentities } from '../../../models/check-sites.js';
import { openModel, type OpenedModel } from '../../../models/open-model.js';
import { runModel } from '../../../models/run-model.js';
import { buildSiteVjp } from '../../../models/vjp.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { laidModel, PLAIN } from '../../property/laid-model.js';

const ENGINE = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;
const folder = temporaryFolder('axes');

function save(name: string, model: ModelProto): string {
  const file = path.join(folder, name);
  writeFileSync(file, joinChunks(encodeModel(model)));
  return file;
}

const turned = (): string => save('turned.onnx', laidModel({ ...PLAIN, stream: 'pbd', ownLogits: true }));

/** The opened model with one site taken otherwise. */
async function tampered(file: string, name: string, change: (site: Site) => Partial<Site>): Promise<OpenedModel> {
  const opened = await openModel(file);
  const sites = opened.resolved.sites.map((site) => (site.name === name ? { ...site, ...change(site) } : site));
  return { ...opened, resolved: { ...opened.resolved, sites } };
}

describe('logits of a model in [pos, batch, …]', () => {
  it('are given in [batch, pos, …]', async () => {
    const rows = { ids: Uint32Array.from({ length: 10 }, (_, i) => (i * 7 + 3) % 16), length: 5 };
    const run = (file: string): ReturnType<typeof runModel> =>
      runModel(file, rows, { hooks: ['hook_embed'], logits: true, engine: ENGINE });
    const usual = (await run(save('plain.onnx', laidModel(PLAIN)))).get('logits');
    const own = (await run(turned())).get('logits');
    expect(own?.dims).toEqual([2, 5, 16]);
    expect(own?.dims).toEqual(usual?.dims);
    (own?.data as Float32Array).forEach((x, i) => expect(x).toBeCloseTo((usual?.data as Float32Array)[i] ?? NaN, 5));
  });
});

describe('the cotangent of such logits', () => {
  it('is given in [batch, pos, …] too', () => {
    const options = { outputs: ['logits'], wrt: ['blocks.0.hook_resid_post'], stop: [] };
    const vjp = buildSiteVjp(laidModel({ ...PLAIN, stream: 'pbd', ownLogits: true }), options);
    const shapes = [...graphOf(vjp).input, ...graphOf(vjp).output].map(({ name = '', type }) => [
      name,
      (type?.tensorType?.shape?.dim ?? []).map(({ dimValue, dimParam }) => dimValue ?? dimParam),
    ]);
    expect(Object.fromEntries(shapes)).toMatchObject({
      'cotangent.logits': ['batch', 'seq', 16],
      'grad.blocks.0.hook_resid_post': ['batch', 'seq', 8],
    });
  });
});

describe('the self-check', () => {
  it('passes a model in [pos, batch, …]', async () => {
    expect(await checkSites(await openModel(turned()), ENGINE)).toEqual([]);
  });

  it('finds a site whose rows and positions are exchanged by its shape', async () => {
    const opened = await tampered(turned(), 'blocks.0.hook_resid_mid', () => ({ view: null }));
    const [first] = await checkSites(opened, ENGINE);
    expect(first && brokenText(first)).toBe(
      'expected blocks.0.hook_resid_mid of axes [batch, pos, d_model] and sizes [3, 6, 8] for 3 rows of 6 ids, found [6, 3, 8]',
    );
    expect(() => requireIdentities('m.onnx', first ? [first] : [])).toThrow(
      /^m\.onnx: sites blocks\.0\.hook_resid_mid cannot be/,
    );
  });

  it('finds joined axes that are opened in the wrong order by the reach of a change', async () => {
    const model = save('joined.onnx', laidModel({ ...PLAIN, joinedMlp: true }));
    const site = 'blocks.1.mlp.hook_post';
    const opened = await tampered(model, site, ({ view }) => {
      if (view?.kind !== 'axes') throw new TypeError('expected joined axes');
      const from = view.from.map((axis) => (axis.length === 2 ? [...axis].reverse() : axis));
      return { view: { ...view, from } };
    });
    const broken = await checkSites(opened, ENGINE, { wanted: [site] });
    expect(broken.map(({ sites }) => sites)).toContainEqual([site]);
    expect(broken.map(brokenText).join('\n')).toMatch(
      /expected a change of a token at a row and position to change blocks\.1\.mlp\.hook_post in that row alone within 0\.001/,
    );
    expect(broken.map(brokenText).join('\n')).toMatch(/a change of blocks\.1\.hook_mlp_in at a row and position/);
  });

  it('finds a site that is computed from other positions than its own', async () => {
    const opened = await openModel(turned());
    const z = opened.resolved.sites.find(({ name }) => name === 'blocks.0.attn.hook_z') as Site;
    const sites = opened.resolved.sites.map((site) =>
      site.name === 'blocks.0.attn.hook_q' ? { ...z, name: site.name } : site,
    );
    const wanted = ['blocks.0.attn.hook_q'];
    const broken = await checkSites({ ...opened, resolved: { ...opened.resolved, sites } }, ENGINE, {
      wanted,
    });
    expect(broken.map(brokenText)).toContainEqual(
      expect.stringMatching(
        /^expected a change of blocks\.0\.hook_resid_pre at a row and position to change blocks\.0\.attn\.hook_q there alone/,
      ),
    );
  });
});
