// Which sites a run file may store, and how wide they are: one vector per position, heads joined.
import { describe, expect, it } from 'vitest';
import { storedWidth } from '../../../core/hooks/sites.js';
import { openModel } from '../../../models/open-model.js';
import type { ResolvedRun } from '../../../schemas/resolved-run.js';
import { EXPORTS } from '../../harness/fixtures.js';
import { tinyRun } from '../../harness/tiny-run.js';

function sitesFor(hooks: readonly string[]): Promise<ResolvedRun['sites']> {
  return tinyRun({ activations: { hooks }, saes: [] }, 'activations').then(({ sites }) => sites);
}

describe('activations.hooks', () => {
  it('takes vectors, those of heads joined', async () => {
    const hooks = ['blocks.1.attn.hook_z', 'blocks.1.ln1.hook_scale', 'blocks.1.mlp.hook_post'];
    expect(await sitesFor(hooks)).toEqual([
      { name: 'blocks.1.attn.hook_z', width: 128 },
      { name: 'blocks.1.ln1.hook_scale', width: 1 },
      { name: 'blocks.1.mlp.hook_post', width: 512 },
    ]);
  });

  it.each(['blocks.0.attn.hook_pattern', 'blocks.0.attn.hook_attn_scores'])(
    'refuses %s, also behind a star',
    async (site) => {
      const message = `activations.hooks: site "${site}" has the axes [batch, head, query_pos, key_pos], expected one vector per position. Store sites of [batch, pos, ..] (vectors of heads are stored with their heads joined); \`assay model run\` writes this one.`;
      await expect(sitesFor([site])).rejects.toThrow(message);
      await expect(sitesFor([site.replace('blocks.0', 'blocks.*')])).rejects.toThrow(message);
    },
  );

  it('counts keys and values by their own heads', async () => {
    const { summary } = await openModel(`${EXPORTS}/llama.dynamo.onnx`);
    const width = (name: string): number | null => {
      const site = summary.sites.find((one) => one.name === `blocks.0.attn.${name}`);
      return site ? storedWidth(site) : null;
    };
    expect([width('hook_q'), width('hook_k'), width('hook_pattern')]).toEqual([64, 32, null]);
    expect(summary).toMatchObject({ heads: 4, kvHeads: 2, dHead: 16, dMlp: 128 });
  });
});
