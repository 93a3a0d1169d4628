// Splices: an edit that returns what it was given changes nothing, whatever the site's view; what an edit returns is what the
// site has and what comes after reads; predictions of linear parts, without a reference.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { spliceSites, type SiteSplice } from '../../../core/hooks/splice.js';
import { resolveSites, type Site } from '../../../core/hooks/sites.js';
import type { SiteValue } from '../../../core/hooks/identity-errors.js';
import type { GraphBuilder } from '../../../core/onnx/builder.js';
import { decodeModel } from '../../../core/onnx/codec.js';
import { graphOf } from '../../../core/onnx/cut.js';
import type { ModelProto } from '../../../core/onnx/proto.js';
import type { Value } from '../../../core/onnx/shape.js';
import { relativeError, valuesOf } from '../../unit/core/hooks/graphs.js';
import { FIXTURES } from '../../harness/fixtures.js';

const load = (file: string): ModelProto => decodeModel(readFileSync(path.join(FIXTURES, file)));
/** Between them: plain tensors, permutations, joined axes, norm operators and decomposed norms, post-norm, parallel, experts. */
const MODELS = [
  'exports/gpt2.legacy',
  'exports/neox.dynamo',
  'exports/gemma2.legacy',
  'exports/bert.dynamo',
  'families/bloom.legacy',
  'families/opt.dynamo',
  'families/falcon-new.legacy',
  'families/olmo2.dynamo',
  'families/deberta2.dynamo',
  'families/gptoss.legacy',
  'families/codegen.dynamo',
].map((name) => `${name}.onnx`);

type Edit = (g: GraphBuilder, x: Value) => Value;
const same: Edit = (g, x) => g.op('Identity', [x]);
const times =
  (factor: number): Edit =>
  (g, x) =>
    g.op('Mul', [x, g.scalar(factor)]);

/** Masked scores are as good as infinite. */
const finite = (value: SiteValue | undefined): SiteValue => ({
  dims: value?.dims ?? [],
  data: Float32Array.from(value?.data ?? [], (x) => (x < -1e3 ? -1e3 : x)),
});

interface Opened {
  readonly model: ModelProto;
  readonly sites: readonly Site[];
  readonly base: ReadonlyMap<string, SiteValue>;
  readonly edited: (edits: Record<string, Edit>) => Promise<ReadonlyMap<string, SiteValue>>;
}

async function open(file: string, optimisation: 'disabled' | 'all' = 'disabled'): Promise<Opened> {
  const model = load(file);
  const { sites } = resolveSites(model);
  const splices = (edits: Record<string, Edit>): SiteSplice[] =>
    Object.entries(edits).map(([name, edit]) => {
      const site = sites.find((one) => one.name === name);
      if (!site) throw new RangeError(name);
      return { site, edit };
    });
  const edited = (edits: Record<string, Edit>): Promise<ReadonlyMap<string, SiteValue>> =>
    valuesOf(spliceSites(model, splices(edits)), sites, optimisation);
  return { model, sites, base: await valuesOf(model, sites, optimisation), edited };
}

describe.each(MODELS)('%s', (file) => {
  it.each(['disabled', 'all'] as const)(
    'is unchanged by edits that change nothing, optimisation %s',
    async (optimisation) => {
      const { sites, base, edited } = await open(file, optimisation);
      const editable = sites.filter((site) => site.readOnly === null).map((site) => site.name);
      const all = await edited(Object.fromEntries(editable.map((name) => [name, same])));
      for (const [name, value] of base) {
        const error = relativeError(finite(all.get(name)), finite(value));
        expect(error, name).toBeLessThanOrEqual(2e-6);
      }
    },
  );

  it('has at each site what its edit returned, and something else at its output', async () => {
    const { sites, base, edited } = await open(file);
    const own = sites.filter(({ name, readOnly }) => name.startsWith('blocks.0.') && readOnly === null);
    for (const { name } of own) {
      // No norm takes this back: it bends the coordinates.
      const bent = await edited({ [name]: (g, x) => g.op('Add', [x, times(0.5)(g, g.op('Abs', [x]))]) });
      const wanted = finite(base.get(name));
      const expected = { ...wanted, data: wanted.data.map((x) => x + 0.5 * Math.abs(x)) };
      const got = finite(bent.get(name));
      const seen = wanted.data.map((x) => (x === -1e3 ? 0 : 1));
      const masked = ({ dims, data }: SiteValue): SiteValue => ({
        dims,
        data: data.map((x, i) => x * (seen[i] as number)),
      });
      expect(relativeError(masked(got), masked(expected)), name).toBeLessThanOrEqual(2e-6);
      const effect = relativeError(bent.get('logits'), base.get('logits'));
      expect(effect, name).toBeGreaterThan(1e-6);
    }
  });
});

describe('an edited model', () => {
  const at = (values: ReadonlyMap<string, SiteValue>, name: string): SiteValue => finite(values.get(name));
  const plus = (a: SiteValue, b: SiteValue, sign = 1): SiteValue => ({
    dims: a.dims,
    data: a.data.map((x, i) => x + sign * (b.data[i] as number)),
  });

  it.each(MODELS)('without attention keeps its stream: %s', async (file) => {
    const { sites, edited } = await open(file);
    const values = await edited({ 'blocks.0.hook_attn_out': times(0) });
    const [pre, out] = ['resid_pre', 'attn_out'].map((name) => at(values, `blocks.0.hook_${name}`));
    expect(out?.data.every((x) => x === 0)).toBe(true);
    const paired = sites.some((site) => site.name === 'blocks.0.hook_resid_mid');
    const next = paired
      ? at(values, 'blocks.0.hook_resid_mid')
      : plus(at(values, 'blocks.0.hook_resid_post'), at(values, 'blocks.0.hook_mlp_out'), -1);
    expect(relativeError(next, pre)).toBeLessThanOrEqual(1e-6);
  });

  it('is affine in z: attn_out(c z) = c (attn_out(z) − attn_out(0)) + attn_out(0)', async () => {
    for (const file of ['exports/gpt2.dynamo.onnx', 'exports/neox.legacy.onnx', 'exports/bert.legacy.onnx']) {
      const { base, edited } = await open(file);
      const out = (values: ReadonlyMap<string, SiteValue>): SiteValue => at(values, 'blocks.1.hook_attn_out');
      const [zero, double] = [
        await edited({ 'blocks.1.attn.hook_z': times(0) }),
        await edited({ 'blocks.1.attn.hook_z': times(2) }),
      ];
      const expected = plus(plus(out(base), out(base)), out(zero), -1);
      expect(relativeError(out(double), expected)).toBeLessThanOrEqual(2e-6);
    }
  });

  it('divides by an edited scale, and nothing before it changes', async () => {
    for (const file of ['exports/gpt2.legacy.onnx', 'exports/llama.dynamo.onnx', 'families/opt.dynamo.onnx']) {
      const { base, edited } = await open(file);
      const values = await edited({ 'blocks.1.ln2.hook_scale': times(2) });
      const halved = at(base, 'blocks.1.ln2.hook_normalized');
      const expected = { ...halved, data: halved.data.map((x) => x / 2) };
      expect(relativeError(at(values, 'blocks.1.ln2.hook_normalized'), expected)).toBeLessThanOrEqual(2e-6);
      for (const name of ['blocks.1.hook_resid_mid', 'blocks.1.hook_mlp_in'])
        expect(values.get(name), name).toEqual(base.get(name));
    }
  });

  it('whose MLP reads something else keeps the stream beside it', async () => {
    for (const file of ['exports/gpt2.dynamo.onnx', 'exports/neox.dynamo.onnx', 'exports/bert.dynamo.onnx']) {
      const { base, edited } = await open(file);
      const values = await edited({ 'blocks.0.hook_mlp_in': (g, x) => g.op('Add', [x, g.op('Sin', [x])]) });
      expect(values.get('blocks.0.attn.hook_z')).toEqual(base.get('blocks.0.attn.hook_z'));
      expect(relativeError(values.get('blocks.0.hook_mlp_out'), base.get('blocks.0.hook_mlp_out'))).toBeGreaterThan(
        1e-5,
      );
      const stream = (v: ReadonlyMap<string, SiteValue>): SiteValue => {
        const post = v.has('blocks.0.hook_resid_sum') ? 'resid_sum' : 'resid_post';
        return plus(at(v, `blocks.0.hook_${post}`), at(v, 'blocks.0.hook_mlp_out'), -1);
      };
      expect(relativeError(stream(values), stream(base))).toBeLessThanOrEqual(1e-6);
    }
  });

  it('has several edits at one tensor one after the other', async () => {
    const { base, edited } = await open('exports/gpt2.dynamo.onnx');
    const values = await edited({ 'blocks.0.hook_resid_post': times(2), 'blocks.1.hook_resid_pre': times(3) });
    const before = at(base, 'blocks.0.hook_resid_post');
    const expected = { ...before, data: before.data.map((x) => x * 6) };
    for (const name of ['blocks.0.hook_resid_post', 'blocks.1.hook_resid_pre'])
      expect(relativeError(at(values, name), expected)).toBeLessThanOrEqual(1e-6);
  });

  it('has both edits of a norm and one of what it makes', async () => {
    const { base, edited } = await open('exports/bert.dynamo.onnx');
    const values = await edited({
      'blocks.0.ln2.hook_scale': times(2),
      'blocks.0.ln2.hook_normalized': times(2),
      'blocks.0.hook_resid_post': times(0.5),
    });
    const post = at(base, 'blocks.0.hook_resid_post');
    const expected = { ...post, data: post.data.map((x) => x / 2) };
    expect(relativeError(at(values, 'blocks.0.hook_resid_post'), expected)).toBeLessThanOrEqual(2e-6);
    expect(
      relativeError(at(values, 'blocks.0.ln2.hook_normalized'), at(base, 'blocks.0.ln2.hook_normalized')),
    ).toBeLessThanOrEqual(2e-6);
  });

  it('keeps its outputs and the model it was made of', async () => {
    const { model, sites } = await open('exports/gpt2.dynamo.onnx');
    const before = graphOf(model).node.length;
    const site = sites.find(({ name }) => name === 'blocks.1.hook_resid_post') as Site;
    const result = spliceSites(model, [{ site, edit: times(2) }]);
    expect(graphOf(model).node.length).toBe(before);
    expect(graphOf(result).output).toEqual(graphOf(model).output);
    expect(spliceSites(model, [])).toBe(model);
  });
});

describe('an edit is refused', () => {
  const splice = async (file: string, name: string, edit: Edit): Promise<ModelProto> => {
    const { model, sites } = await open(file);
    return spliceSites(model, [{ site: sites.find((site) => site.name === name) as Site, edit }]);
  };

  it.each<[string, string, string, Edit, string]>([
    [
      'that changes the element type',
      'exports/gpt2.dynamo.onnx',
      'blocks.0.hook_resid_post',
      (g, x) => g.op('Cast', [x], { attributes: { to: 11 } }),
      'Expected an edit of site blocks.0.hook_resid_post to keep float32 with axes [batch, pos, d_model], got float64 with 3 axes.',
    ],
    [
      'that changes the axes',
      'exports/neox.dynamo.onnx',
      'blocks.0.attn.hook_q',
      (g, x) => g.op('Reshape', [x, g.integers(0, 0, -1)]),
      'to keep float32 with axes [batch, pos, head, d_head], got float32 with 3 axes',
    ],
    [
      'that reads what comes after it',
      'exports/gpt2.dynamo.onnx',
      'blocks.0.hook_resid_pre',
      (g, x) => g.op('Add', [x, g.value('add_8')]),
      'Expected an edit to read only what is computed before its site, found a circle through "',
    ],
    [
      'at a norm that attention and MLP share',
      'families/codegen.dynamo.onnx',
      'blocks.0.hook_mlp_in',
      same,
      'Site blocks.0.hook_mlp_in can be read but not edited: attention and MLP read it through one norm. Edit what it is computed from, or what reads it.',
    ],
  ])('%s', async (...[, file, name, edit, message]) => {
    await expect(splice(file, name, edit)).rejects.toThrow(message);
  });
});
