// The names of sites: those of a block in the order of the model, and those before and after all blocks. What a name means
// stands in sites.ts.
import { sitePattern } from './site-pattern.js';

/** Names within a block, without `blocks.N.`. */
export const BLOCK_SITES = [
  'hook_resid_pre',
  'ln1.hook_scale',
  'ln1.hook_normalized',
  'attn.hook_q',
  'attn.hook_k',
  'attn.hook_v',
  'attn.hook_rot_q',
  'attn.hook_rot_k',
  'attn.hook_attn_scores',
  'attn.hook_pattern',
  'attn.hook_z',
  'ln1_post.hook_scale',
  'ln1_post.hook_normalized',
  'hook_attn_out',
  'hook_resid_mid',
  'hook_mlp_in',
  'ln2.hook_scale',
  'ln2.hook_normalized',
  'mlp.hook_pre',
  'mlp.hook_post',
  'ln2_post.hook_scale',
  'ln2_post.hook_normalized',
  'hook_mlp_out',
  'hook_resid_sum',
  'hook_resid_post',
] as const;

export const OUTER_SITES = ['hook_embed', 'hook_pos_embed', 'ln_final.hook_scale', 'ln_final.hook_normalized'] as const;

export type BlockSite = (typeof BLOCK_SITES)[number];
export type OuterSite = (typeof OUTER_SITES)[number];

/** Whether a text could be a site of some model, or a pattern that names one. */
export function isSiteName(text: string): boolean {
  const expression = sitePattern(text);
  return [...OUTER_SITES, ...BLOCK_SITES.map((kind) => `blocks.${blockOf(text)}.${kind}`)].some((name) =>
    expression.test(name),
  );
}

function blockOf(text: string): string {
  return /^blocks\.(\d+)\./.exec(text)?.[1] ?? '0';
}
