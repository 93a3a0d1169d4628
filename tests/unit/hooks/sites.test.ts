import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { matchSites, resolveSites } from '../../../core/hooks/sites.js';
import { decodeModel } from '../../../core/onnx/codec.js';
import { graphOf } from '../../../core/onnx/cut.js';
import { InputError } from '../../../schemas/errors.js';
import {
  FIXTURES,
  MODEL_FILES,
  tinyTransformer,
  type TinyOptions,
} from '../onnx/fixture-models.js';

const sitesOf = (options: TinyOptions): ReturnType<typeof resolveSites> =>
  resolveSites(graphOf(tinyTransformer(options)));

describe('the sites of a model', () => {
  it.each(MODEL_FILES)('are found in %s', (file) => {
    const found = resolveSites(graphOf(decodeModel(readFileSync(file))));
    const tiny = file.includes('tiny-lm');
    const parallel = file.includes('neox');
    expect(found).toMatchObject({
      layers: tiny ? 4 : 2,
      width: tiny ? 128 : 64,
      vocab: tiny ? 4096 : 100,
      tokenInput: 'input_ids',
      norm: file.includes('bert') ? 'post' : 'pre',
      maxPositions: tiny ? 128 : /gpt2|bert/.test(file) ? 64 : null,
    });
    const perBlock = parallel ? ['pre', 'post'] : ['pre', 'mid', 'post'];
    const names = Array.from({ length: found.layers }, (_, n) =>
      perBlock.map((place) => `blocks.${n}.hook_resid_${place}`),
    );
    expect(found.sites.map((site) => site.name)).toEqual(['hook_embed', ...names.flat()]);
    for (const site of found.sites) expect(site.axes).toEqual(['batch', 'pos', 'd_model']);
  });

  it('let one block begin where the one before ends', () => {
    const { sites } = resolveSites(
      graphOf(decodeModel(readFileSync(`${FIXTURES}tiny-lm/model.onnx`))),
    );
    const tensor = (name: string): string | undefined => sites.find((s) => s.name === name)?.tensor;
    expect(tensor('blocks.2.hook_resid_pre')).toBe(tensor('blocks.1.hook_resid_post'));
  });

  it('lie after the norm where every addition is followed by one, in the last block too', () => {
    const post = sitesOf({ norm: 'post' });
    expect(post.norm).toBe('post');
    const tensors = post.sites.map((site) => site.tensor);
    expect(tensors.slice(2).every((tensor) => tensor.startsWith('LayerNormalization'))).toBe(true);
    const last = sitesOf({ norm: 'pre' }).sites.at(-1);
    expect(last?.tensor).toMatch(/^Add/);
  });

  it('have no middle where attention and MLP are added at once', () => {
    const { sites, layers } = sitesOf({ mlp: 'parallel', layers: 3 });
    expect(layers).toBe(3);
    expect(sites.some((site) => site.name.includes('mid'))).toBe(false);
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
    ['a single block with no norm in it', { layers: 1, norm: 'none', mlp: 'parallel' }, "Expected a norm inside the only block's branch"], // prettier-ignore
    ['no block at all', { layers: 0 }, 'found no addition to a residual stream'],
    ['a scaled residual stream', { mlp: 'gated-skip' }, 'Expected every mlp branch to be added to the residual stream, found one that ends in node'], // prettier-ignore
    ['norms after some additions only', { norm: 'firstOnly' }, 'Expected nothing, or everywhere the same norm, between the additions to the residual stream, found: LayerNormalization; nothing'], // prettier-ignore
    ['fused operators', { fused: true }, 'found SkipLayerNormalization'],
  ])('is refused with what was found: %s', (_, options, message) => {
    expect(() => sitesOf(options)).toThrow(InputError);
    expect(() => sitesOf(options)).toThrow(message);
  });

  it('is refused where no token embedding is found, with the inputs', () => {
    const graph = graphOf(tinyTransformer());
    const node = graph.node.slice(1);
    const embedded = { ...graph.input[0], name: graph.node[0]?.output[0] ?? '', metadataProps: [] };
    expect(() => resolveSites({ ...graph, node, input: [embedded] })).toThrow(
      'Expected a token embedding (a Gather of a weight table by an input of token ids), found none; inputs: Gather_0.',
    );
  });

  it('is refused where several inputs could be the tokens', () => {
    const graph = graphOf(tinyTransformer());
    const text = JSON.stringify(graph, (_, value: unknown) =>
      typeof value === 'bigint' ? Number(value) : value,
    );
    const renamed = JSON.parse(text.replaceAll('"input_ids"', '"left"')) as typeof graph;
    const [input] = renamed.input;
    const gather = {
      ...renamed.node[0],
      input: ['wte', 'right'],
      output: ['other'],
      attribute: [],
      metadataProps: [],
    };
    const two = { ...renamed, node: [gather, ...renamed.node], input: [{ ...input, metadataProps: [] }, { ...input, name: 'right', metadataProps: [] }] }; // prettier-ignore
    expect(() => resolveSites(two)).toThrow('Expected one input of token ids, found left, right.');
  });
});

describe('site patterns', () => {
  const sites = ['hook_embed', 'blocks.0.hook_resid_pre', 'blocks.0.hook_resid_post', 'blocks.10.hook_resid_post'].map((name) => ({ name })); // prettier-ignore

  it('match any block, keep the order of the model and name each site once', () => {
    const { sites: found, unmatched } = matchSites(
      ['blocks.*.hook_resid_post', 'blocks.0.*', 'hook_embed'],
      sites,
    );
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
