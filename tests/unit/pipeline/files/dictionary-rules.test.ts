// What an entry of `saes` may say of sites, sizes and sweeps, and what is told where it may not: field, values, remedy.
import { describe, expect, it } from 'vitest';
import { parseRunFile } from '../../../../pipeline/files/load.js';
import { GOOD, lines } from './refusal.js';

const HOOK = 'blocks.2.hook_resid_post';
const LIST = '["blocks.*.hook_resid_pre"]';
const entry = (fields: string): string => GOOD.replace(/ {2}- \{ name: kjv-l2.*\n/, `  - { ${fields} }\n`);
const base = `name: d, tokens: 3000000`;
const told = (fields: string): string[] =>
  lines(entry(fields)).map((line) => line.replace(/^run\.yaml:\d+:\d+ {2}/, ''));

describe('entries of saes', () => {
  it.each([
    ['an autoencoder', `${base}, hook: ${HOOK}, features: 64, k: 4`],
    [
      'a transcoder with skip',
      `${base}, reads: blocks.0.hook_resid_pre, writes: ${HOOK}, skip: true, features: 64, k: 4`,
    ],
    ['a crosscoder', `${base}, reads: ${LIST}, writes: ${LIST}, architecture: batchtopk, features: 64, k: 4`],
    [
      'a cross-layer',
      `${base}, reads: ${LIST}, writes: ${LIST}, crossLayer: true, architecture: jumprelu, features: 64, l0: 8`,
    ],
    ['a routed one', `${base}, hook: ${HOOK}, features: 64, k: 4, routed: { experts: 4, kind: frozen }`],
    ['one with a learned router', `${base}, hook: ${HOOK}, features: 64, k: 4, routed: { experts: 4, kind: learned, balance: 0.05 }`], // prettier-ignore
    ['slices', `${base}, hook: ${HOOK}, features: 64, k: 4, slices: 4, moments: row`],
    ['prefixes', `${base}, hook: ${HOOK}, architecture: matryoshka, features: 64, k: 4, prefixes: [8, 64]`],
    [
      'a sweep',
      `name: "s-{{features}}-{{k}}", tokens: 3000000, hook: ${HOOK}, sweep: { features: [32, 64], k: [2, 4] }`,
    ],
  ])('may be %s', (_, fields) => {
    expect(parseRunFile(entry(fields), { file: 'run.yaml' }).saes).toHaveLength(1);
  });

  it.each([
    [
      'k above features',
      `${base}, hook: ${HOOK}, features: 64, k: 65`,
      'saes[0].k: expected at most features (64), found 65 — k of the features may fire on one token',
    ],
    [
      'k above features in a sweep',
      `name: "s-{{k}}", tokens: 3000000, hook: ${HOOK}, features: 64, sweep: { k: [4, 65] }`,
      'saes[0].sweep.k: expected at most features (64), found 65 — k of the features may fire on one token',
    ],
    [
      'features that slices do not divide',
      `${base}, hook: ${HOOK}, features: 64, k: 4, slices: 3`,
      'saes[0].slices: expected a divisor of features (64), found 3 — choose one that divides them, e.g. 2 or 4, or other features',
    ],
    [
      'features that experts do not divide',
      `${base}, hook: ${HOOK}, features: 64, k: 4, routed: { experts: 5, kind: frozen }`,
      'saes[0].routed.experts: expected a divisor of features (64), found 5 — choose one that divides them, e.g. 4 or 8, or other features',
    ],
    [
      'k above the features of an expert',
      `${base}, hook: ${HOOK}, features: 64, k: 32, routed: { experts: 4, kind: frozen }`,
      'saes[0].k: expected at most the features of one expert (16), found 32',
    ],
    [
      'prefixes that do not end at features',
      `${base}, hook: ${HOOK}, architecture: matryoshka, features: 64, k: 4, prefixes: [8, 32]`,
      'saes[0].prefixes: expected prefixes that end with features (64), found [8, 32] — let the last prefix be all features',
    ],
    [
      'prefixes that do not increase',
      `${base}, hook: ${HOOK}, architecture: matryoshka, features: 64, k: 4, prefixes: [32, 8, 64]`,
      'saes[0].prefixes: expected increasing numbers, found [32, 8, 64] — write each prefix once, the shortest first',
    ],
    [
      'prefixes of a kind without',
      `${base}, hook: ${HOOK}, features: 64, k: 4, prefixes: [8, 64]`,
      'saes[0].prefixes: expected nothing for topk, found [8, 64] — remove it; topk takes `k`',
    ],
    [
      'l0 and sparsity',
      `${base}, hook: ${HOOK}, architecture: jumprelu, features: 64, l0: 4, sparsity: 0.1`,
      'saes[0].sparsity: expected one of `sparsity` and `l0` for jumprelu, found sparsity and l0 — remove one of them',
    ],
    [
      'neither l0 nor sparsity',
      `${base}, hook: ${HOOK}, architecture: jumprelu, features: 64`,
      'saes[0].sparsity: expected one of `sparsity` and `l0` for jumprelu, found none — add sparsity or l0',
    ],
    [
      'int8 candidates of a choice over the batch',
      `${base}, hook: ${HOOK}, architecture: matryoshka, prefixes: [16, 64], features: 64, k: 4, candidates: int8`,
      'saes[0].candidates: expected exact for matryoshka, which chooses over a whole batch (int8 is for topk), found int8 — remove it',
    ],
    [
      'int8 candidates with a learned router',
      `${base}, hook: ${HOOK}, features: 64, k: 4, candidates: int8, routed: { experts: 2, kind: learned }`,
      'saes[0].candidates: expected exact for experts with a learned router, found int8 — remove it',
    ],
    [
      'int8 candidates of a kind that does not select',
      `${base}, hook: ${HOOK}, architecture: gated, sparsity: 0.1, features: 64, candidates: int8`,
      'saes[0].candidates: expected exact for gated, which keeps no fixed number of features (int8 is for topk), found int8 — remove it',
    ],
    [
      'a hook beside reads',
      `${base}, hook: ${HOOK}, reads: ${HOOK}, features: 64, k: 4`,
      'saes[0].hook: expected `hook`, or `reads` and `writes`, found `hook` and `reads` — remove `hook`, or the others',
    ],
    [
      'reads without writes',
      `${base}, reads: ${HOOK}, features: 64, k: 4`,
      'saes[0].reads: expected `hook`, or `reads` and `writes`, found `reads` — say what it reads and what it writes',
    ],
    [
      'a pattern outside a list',
      `${base}, reads: "blocks.*.hook_resid_pre", writes: ${HOOK}, features: 64, k: 4`,
      'saes[0].reads: expected one site: a dictionary reads one, a pattern can name several',
    ],
    [
      'a site that is not extracted',
      `${base}, reads: [${HOOK}, blocks.1.hook_mlp_out], writes: [${HOOK}], features: 64, k: 4`,
      'saes[0].reads[1]: expected one of activations.hooks',
    ],
    [
      'a site twice',
      `${base}, reads: [${HOOK}, ${HOOK}], writes: [${HOOK}], features: 64, k: 4`,
      'saes[0].reads[1]: expected each site once',
    ],
    [
      'skip of an autoencoder',
      `${base}, hook: ${HOOK}, skip: true, features: 64, k: 4`,
      'saes[0].skip: expected a dictionary that reads one site and writes another, found one site, read and written',
    ],
    [
      'layers of different lists',
      `${base}, reads: [blocks.0.hook_resid_pre, blocks.1.hook_resid_pre], writes: [${HOOK}], crossLayer: true, features: 64, k: 4`,
      'saes[0].writes: expected as many sites as `reads` has, two or more: those of one layer at the same place, found 2 read and 1 written',
    ],
    [
      'matryoshka across layers',
      `${base}, reads: ${LIST}, writes: ${LIST}, crossLayer: true, architecture: matryoshka, features: 64, k: 4`,
      'saes[0].architecture: expected a kind that may be crossLayer, found matryoshka — choose another, e.g. batchtopk',
    ],
    [
      'routing of a crosscoder',
      `${base}, reads: ${LIST}, writes: ${LIST}, features: 64, k: 4, routed: { experts: 4, kind: frozen }`,
      'saes[0].routed: expected no routing for a dictionary of several sites, found frozen — remove it, or give `hook`',
    ],
    [
      'routing of a transcoder',
      `${base}, reads: ${HOOK}, writes: blocks.2.hook_mlp_out, features: 64, k: 4, routed: { experts: 4, kind: learned }`,
      'saes[0].routed: expected no routing for a dictionary of several sites, found learned — remove it, or give `hook`',
    ],
    [
      'no experts',
      `${base}, hook: ${HOOK}, features: 64, k: 4, routed: { experts: 0, kind: frozen }`,
      'saes[0].routed.experts: expected a number greater than 0, found 0',
    ],
    [
      'a learned router of another kind than topk',
      `${base}, hook: ${HOOK}, architecture: batchtopk, features: 64, k: 4, routed: { experts: 4, kind: learned }`,
      'saes[0].architecture: expected topk for experts with a learned router, found batchtopk — write architecture: topk, or routed.kind: frozen, which any kind may have',
    ],
    [
      'slices of experts with a learned router',
      `${base}, hook: ${HOOK}, features: 64, k: 4, slices: 2, routed: { experts: 4, kind: learned }`,
      'saes[0].slices: expected one slice for experts with a learned router, found 2 — remove it',
    ],
    [
      'a balance term of frozen experts',
      `${base}, hook: ${HOOK}, features: 64, k: 4, routed: { experts: 4, kind: frozen, balance: 0.1 }`,
      'saes[0].routed.balance: expected nothing for frozen experts, which are balanced before they are trained, found 0.1 — remove it',
    ],
    [
      'tokens that do not give every expert a batch',
      `name: s, tokens: 4096, hook: ${HOOK}, features: 64, k: 4, batchRows: 2048, routed: { experts: 4, kind: frozen }`,
      'saes[0].tokens: expected at least experts × batchRows (4 × 2048), found 4096 — a training takes one step or more',
    ],
    [
      'prefixes of experts that do not end at the features of one',
      `${base}, hook: ${HOOK}, architecture: matryoshka, features: 64, k: 4, prefixes: [8, 64], routed: { experts: 4, kind: frozen }`,
      'saes[0].prefixes: expected prefixes that end with the features of one expert (16), found [8, 64]',
    ],
    [
      'a sweep whose names are not told apart',
      `name: s, tokens: 3000000, hook: ${HOOK}, features: 64, sweep: { k: [2, 4] }`,
      'saes[0].name: expected a name with {{k}}, found "s" — each dictionary of a sweep needs a name of its own',
    ],
    [
      'a placeholder that is not swept',
      `name: "s-{{k}}-{{seed}}", tokens: 3000000, hook: ${HOOK}, features: 64, sweep: { k: [2, 4] }`,
      'saes[0].name: expected {{field}} of a swept field (k), found {{seed}} — add `seed` to `sweep`',
    ],
    [
      'a swept field that has a value too',
      `name: "s-{{k}}", tokens: 3000000, hook: ${HOOK}, features: 64, k: 2, sweep: { k: [2, 4] }`,
      'saes[0].k: expected no value beside the ones in `sweep`, found 2 — remove one of the two',
    ],
    [
      'neither features nor a sweep of them',
      `${base}, hook: ${HOOK}, k: 4`,
      'saes[0].features: expected a whole number greater than 0, found nothing — add features',
    ],
  ])('are refused %s', (_, fields, want) => {
    expect(
      told(fields).some((line) => line.startsWith(want)),
      told(fields).join('\n'),
    ).toBe(true);
  });

  it('are told of a name that a sweep makes twice', () => {
    const text = `${entry(`name: "s-{{k}}", tokens: 3000000, hook: ${HOOK}, features: 64, sweep: { k: [2, 4] }`)}  - { name: s-4, hook: ${HOOK}, features: 64, k: 1, tokens: 3000000 }\n`;
    expect(lines(text).join('\n')).toContain('saes[1].name: expected each name once, found "s-4"');
  });
});
