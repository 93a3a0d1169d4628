// What is told of a name that is no site: why the model lacks it, the nearest names with the last layer among them, or all kinds.
import { describe, expect, it } from 'vitest';
import { siteHint } from '../../../../core/hooks/nearest-sites.js';
import { BLOCK_SITES, isSiteName, OUTER_SITES } from '../../../../core/hooks/site-names.js';
import { resolveSites } from '../../../../core/hooks/sites.js';
import { transformer } from './graphs.js';

const LAYERS = 4;
const KINDS = ['hook_resid_pre', 'attn.hook_q', 'mlp.hook_pre', 'hook_resid_post'];
const sites = [
  { name: 'hook_embed' },
  ...Array.from({ length: LAYERS }, (_, n) => KINDS.map((kind) => ({ name: `blocks.${n}.${kind}` }))).flat(),
];
const unresolved = [{ site: 'blocks.1.attn.hook_z', reason: 'no product follows' }];
const hint = (name: string): string => siteHint(name, { sites, layers: LAYERS, unresolved }).text;

describe('a name that is no site', () => {
  it.each<[string, string, string]>([
    ['of another library lists what there is', 'transformer.h.1', 'known: hook_embed, blocks.*.hook_resid_pre,'],
    ['beyond the last block means the last one', 'blocks.4.hook_resid_post', 'nearest: blocks.3.hook_resid_post'],
    ['keeps the block that was named', 'blocks.3.hook_resid_pots', 'nearest: blocks.3.hook_resid_post'],
    ['without a block is a pattern over all', 'hook_resid_post', 'nearest: blocks.*.hook_resid_post'],
    ['misspelt as a pattern stays one', 'blocks.*.hook_resid_pst', 'nearest: blocks.*.hook_resid_post'],
    [
      'that the structure does not show has the reason',
      'blocks.1.attn.hook_z',
      "blocks.1.attn.hook_z cannot be told from the model's structure: no product follows",
    ],
    [
      'as a pattern over such has it too',
      'blocks.*.attn.hook_z',
      "blocks.1.attn.hook_z cannot be told from the model's",
    ],
  ])('%s', (_, name, text) => {
    expect(hint(name).startsWith(text), hint(name)).toBe(true);
  });
});

describe('the hint where the outputs of a model may stand, too', () => {
  const known = { sites, layers: LAYERS, others: ['logits', 'present.0.key'] };

  it('has them among the nearest', () => {
    expect(siteHint('logit', known).text).toBe('nearest: logits');
    expect(siteHint('logit', { sites, layers: LAYERS }).text).not.toContain('logits');
  });

  it('has them among those that are known', () => {
    expect(siteHint('photosynthesis', known).text).toMatch(/^known: .*logits/);
  });
});

describe('the names of sites', () => {
  it('are those that models have, and no others', () => {
    const names = resolveSites(transformer()).sites.map(({ name }) => name);
    for (const name of names) expect(isSiteName(name), name).toBe(true);
    for (const kind of [...BLOCK_SITES, ...OUTER_SITES]) expect(kind).toMatch(/hook_/);
    for (const name of ['blocks.*.hook_resid_post', 'blocks.12.*']) expect(isSiteName(name), name).toBe(true);
    for (const name of ['blocks.2.hook_resid_psot', 'transformer.h.1', 'blocks.x.hook_q'])
      expect(isSiteName(name)).toBe(false);
  });
});
