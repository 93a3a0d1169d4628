// Sites are found by structure in every fixture model and in odd hand-made ones; unknown structures are refused in
// words.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { matchSites, resolveSites } from '../../../../core/hooks/sites.js';
import { decodeModel } from '../../../../core/onnx/codec.js';
import { graphOf } from '../../../../core/onnx/cut.js';
import { InputError } from '../../../../schemas/errors.js';
import { MODEL_FILES, TINY_LM } from '../../../harness/fixtures.js';
import { tinyTransformer, type TinyOptions } from '../onnx/fixture-models.js';

const sitesOf = (options: TinyOptions): ReturnType<typeof resolveSites> => resolveSites(tinyTransformer(options));

const norm = (name: string): string[] => [`${name}.hook_scale`, `${name}.hook_normalized`];

/** What a block of a fixture model has, in the model's order. */
function expectedKinds(file: string): string[] {
  const [post, parallel] = [file.includes('bert'), file.includes('neox')];
  const [rotary, after] = [/neox|llama|gemma/.test(file), file.includes('gemma')];
  const attention = ['q', 'k', 'v', ...(rotary ? ['rot_q', 'rot_k'] : []), 'attn_scores', 'pattern', 'z'];
  return [
    'hook_resid_pre',
    ...(post ? [] : norm('ln1')),
    ...attention.map((name) => `attn.hook_${name}`),
    ...(after ? norm('ln1_post') : []),
    'hook_attn_out',
    ...(parallel ? [] : ['hook_resid_mid']),
    ...(post ? norm('ln1') : []),
    'hook_mlp_in',
    ...(post ? [] : norm('ln2')),
    'mlp.hook_pre',
    'mlp.hook_post',
    ...(after ? norm('ln2_post') : []),
    'hook_mlp_out',
    ...(post ? ['hook_resid_sum', ...norm('ln2')] : []),
    'hook_resid_post',
  ];
}

describe('the sites of a model', () => {
  it.each(MODEL_FILES)('are found in %s', (file) => {
    const found = resolveSites(decodeModel(readFileSync(file)));
    const tiny = file.includes('tiny-lm');
    expect(found).toMatchObject({
      layers: tiny ? 4 : 2,
      width: tiny ? 128 : 64,
      vocab: tiny ? 4096 : 100,
      tokenInput: 'input_ids',
      norm: file.includes('bert') ? 'post' : 'pre',
      maxPositions: tiny ? 128 : /gpt2|bert/.test(file) ? 64 : null,
    });
    expect(found.unresolved).toEqual([]);
    const names = found.sites.map((site) => site.name);
    expect(names[0]).toBe('hook_embed');
    expect(names.includes('hook_pos_embed')).toBe(/gpt2|bert|tiny/.test(file));
    const perBlock = Array.from({ length: found.layers }, (_, n) =>
      names.filter((name) => name.startsWith(`blocks.${n}.`)).map((name) => name.slice(9)),
    );
    for (const kinds of perBlock) expect(kinds).toEqual(expectedKinds(file));
    const final = found.norm === 'pre' ? norm('ln_final') : [];
    expect(names.slice(-2)).toEqual(final.length > 0 ? final : names.slice(-2));
    expect(new Set(names).size).toBe(names.length);
  });

  it('let one block begin where the one before ends', () => {
    const { sites } = resolveSites(decodeModel(readFileSync(`${TINY_LM}/model.onnx`)));
    const tensor = (name: string): string | undefined => sites.find((s) => s.name === name)?.tensor;
    expect(tensor('blocks.2.hook_resid_pre')).toBe(tensor('blocks.1.hook_resid_post'));
  });

  it('lie after the norm where every addition is followed by one, in the last block too', () => {
    const post = sitesOf({ norm: 'post' });
    expect(post.norm).toBe('post');
    const tensorOf = (name: string): string => post.sites.find((site) => site.name === name)?.tensor ?? '';
    for (const n of [0, 1]) {
      expect(tensorOf(`blocks.${n}.hook_resid_mid`)).toMatch(/^Add/);
      expect(tensorOf(`blocks.${n}.hook_mlp_in`)).toMatch(/^LayerNormalization/);
      expect(tensorOf(`blocks.${n}.hook_resid_sum`)).toMatch(/^Add/);
      expect(tensorOf(`blocks.${n}.hook_resid_post`)).toMatch(/^LayerNormalization/);
    }
    expect(tensorOf('ln_final.hook_scale')).toBe('');
    const last = sitesOf({ norm: 'pre' }).sites.findLast(({ name }) => name.endsWith('resid_post'));
    expect(last?.tensor).toMatch(/^Add/);
  });

  it('have no middle where attention and MLP are added at once', () => {
    const { sites, layers } = sitesOf({ mlp: 'parallel', layers: 3 });
    expect(layers).toBe(3);
    expect(sites.some((site) => site.name.includes('mid'))).toBe(false);
    expect(sites.filter((site) => site.name.endsWith('_out'))).toHaveLength(6);
  });

  it('are told apart from the softmax of a router: such a branch is an MLP', () => {
    const { layers, sites } = sitesOf({ mlp: 'router' });
    expect(layers).toBe(2);
    expect(sites.filter((site) => site.name.endsWith('resid_mid'))).toHaveLength(2);
  });

  it.each([
    [{ rows: 16, offset: 0 }, 16],
    [{ rows: 16, offset: 2 }, 14],
  ])('come with the positions that a table of %o allows', (positions, most) => {
    expect(sitesOf({ positions }).maxPositions).toBe(most);
    expect(sitesOf({}).maxPositions).toBe(null);
  });
});

describe('an unknown structure', () => {
  it.each<[string, TinyOptions, string]>([
    [
      'a single block with no norm in it',
      { layers: 1, norm: 'none', mlp: 'parallel' },
      "Expected a norm inside the only block's branch",
    ],
    ['no block at all', { layers: 0 }, 'found no addition to a residual stream'],
    [
      'a scaled residual stream',
      { mlp: 'gated-skip' },
      'Expected every mlp branch to be added to the residual stream, found one that ends in node',
    ],
    [
      'norms after some additions only',
      { norm: 'firstOnly' },
      'Expected nothing, or everywhere the same norm, between the additions to the residual stream, found: LayerNormalization; nothing',
    ],
    ['fused operators', { fused: true }, 'found SkipLayerNormalization'],
  ])('is refused with what was found: %s', (_, options, message) => {
    expect(() => sitesOf(options)).toThrow(InputError);
    expect(() => sitesOf(options)).toThrow(message);
  });

  it('is refused where no token embedding is found, with the inputs', () => {
    const model = tinyTransformer();
    const graph = graphOf(model);
    const node = graph.node.slice(1);
    const embedded = { ...graph.input[0], name: graph.node[0]?.output[0] ?? '', metadataProps: [] };
    expect(() => resolveSites({ ...model, graph: { ...graph, node, input: [embedded] } })).toThrow(
      'found none: "Gather_0" goes into ',
    );
  });

  it('is refused where several inputs could be the tokens', () => {
    const model = tinyTransformer();
    const graph = graphOf(model);
    const renamed = {
      ...graph,
      node: graph.node.map((node) => ({
        ...node,
        input: node.input.map((name) => (name === 'input_ids' ? 'left' : name)),
      })),
      input: graph.input.map((info) => ({ ...info, name: 'left' })),
    };
    const [input] = renamed.input;
    const gather = {
      ...renamed.node[0],
      input: ['wte', 'right'],
      output: ['other'],
      attribute: [],
      metadataProps: [],
    };
    const two = {
      ...renamed,
      node: [gather, ...renamed.node],
      input: [
        { ...input, metadataProps: [] },
        { ...input, name: 'right', metadataProps: [] },
      ],
    };
    expect(() => resolveSites({ ...model, graph: two })).toThrow('Expected one input of token ids, found left, right.');
  });
});

describe('site patterns', () => {
  const sites = ['hook_embed', 'blocks.0.hook_resid_pre', 'blocks.0.hook_resid_post', 'blocks.10.hook_resid_post'].map(
    (name) => ({ name }),
  );

  it('match any block, keep the order of the model and name each site once', () => {
    const { sites: found, unmatched } = matchSites(['blocks.*.hook_resid_post', 'blocks.0.*', 'hook_embed'], sites);
    expect(found).toEqual(sites);
    expect(unmatched).toEqual([]);
    expect(matchSites(['blocks.*.hook_resid_post'], sites).sites.map((s) => s.name)).toEqual([
      'blocks.0.hook_resid_post',
      'blocks.10.hook_resid_post',
    ]);
  });

  it('tell which of them match nothing; a star never spans a dot', () => {
    expect(matchSites(['*', 'blocks*post', 'blocks.1.hook_resid_post'], sites)).toEqual({
      sites: [{ name: 'hook_embed' }],
      unmatched: ['blocks*post', 'blocks.1.hook_resid_post'],
    });
  });
});
