// Dictionaries inside a model: rows of the mask get what the equations give in float64, all other rows keep their bits; several
// dictionaries at once read the values of the model with all of them in place; vectors ablate; losses are those of the logits.
import { describe, expect, it } from 'vitest';
import { ARCHITECTURES } from '../../../core/dictionaries/architectures.js';
import { parameterFeed } from '../../../core/dictionaries/splice-graph.js';
import { parametersOf } from '../../../core/dictionaries/state.js';
import { readSites } from '../../../core/hooks/read.js';
import { resolveSites } from '../../../core/hooks/sites.js';
import { encodeModel, joinChunks } from '../../../core/onnx/codec.js';
import { cutToTensors } from '../../../core/onnx/cut.js';
import { KeyedRandom } from '../../../core/tensor/random.js';
import {
  appendLosses,
  LOSSES,
  type ModelDictionary,
  ROWS_FEED,
  spliceDictionaries,
  type SplicedModel,
  spliceVectors,
  vectorFeed,
} from '../../../models/splice-dictionaries.js';
import { Session, type TensorValue } from '../../../runtime/session.js';
import { InputError } from '../../../schemas/errors.js';
import { transformer, VOCAB, WIDTH } from '../core/hooks/graphs.js';

const [F, K, BATCH, POS] = [11, 3, 2, 5];
const RESID = ['blocks.0.hook_resid_post', 'blocks.1.hook_resid_post'];
const NORMED = ['blocks.0.ln2.hook_normalized', 'blocks.1.ln2.hook_normalized'];
const MLP = ['blocks.0.hook_mlp_out', 'blocks.1.hook_mlp_out'];

const model = transformer();
const resolved = resolveSites(model);
const source = { model, sites: resolved.sites };
/** Row 0 of each context and one in the middle pass clean. */
const mask = Uint8Array.from({ length: BATCH * POS }, (_, i) => Number(i % POS !== 0 && i !== 7));

const sae = (name: string, site: string): ModelDictionary => ({
  ...{ name, kind: ARCHITECTURES.topk, features: F, settings: { k: K } },
  sites: { names: [site], widths: [WIDTH], reads: [0], writes: [0] },
});
const coder = (name: string, read: string, write: string): ModelDictionary => ({
  ...{ name, kind: ARCHITECTURES.topk, features: F, settings: { k: K } },
  sites: { names: [read, write], widths: [WIDTH, WIDTH], reads: [0], writes: [1], skip: true },
});

type Weights = ReadonlyMap<string, Float32Array>;
function weightsOf(dictionary: ModelDictionary): Weights {
  const random = new KeyedRandom('splice', dictionary.name);
  return new Map(
    parametersOf(dictionary).map(({ name, shape }) => [
      name,
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 0.4 * random.nextNormal()),
    ]),
  );
}

function weightFeeds(dictionaries: readonly ModelDictionary[]): Record<string, TensorValue> {
  return Object.fromEntries(
    dictionaries.flatMap((one) => {
      const weights = weightsOf(one);
      return parametersOf(one).map(({ name, shape }) => [
        parameterFeed(one, name),
        { dtype: 'float32', dims: shape, data: weights.get(name) as Float32Array } as const,
      ]);
    }),
  );
}

/** Values of sites and of further tensors, by name. */
async function valuesOf(
  { model: spliced }: Pick<SplicedModel, 'model'>,
  wanted: readonly string[],
  feeds: Record<string, TensorValue>,
): Promise<Map<string, Float32Array>> {
  const names = wanted.filter((name) => isSite(name));
  const further = wanted.filter((name) => !isSite(name));
  const sites = names.map((name) => resolved.sites.find((site) => site.name === name) ?? fail(name));
  const read = readSites(spliced, sites);
  const tensors = [...read.tensors, ...further];
  const cut = cutToTensors(
    read.model,
    tensors.map((tensor) => ({ tensor })),
  );
  const session = await Session.create(joinChunks(encodeModel(cut.model)), {
    ...{ provider: 'cpu', threads: 1, optimisation: 'all' },
  });
  try {
    const ids = BigInt64Array.from({ length: BATCH * POS }, (_, i) => BigInt((i * 7 + 3) % VOCAB));
    const all = { ...feeds, input_ids: { dtype: 'int64', dims: [BATCH, POS], data: ids } } as const;
    const given = Object.fromEntries(Object.entries(all).filter(([name]) => session.inputs.includes(name)));
    const values = await session.run(given, [...new Set(tensors)]);
    return new Map([...names, ...further].map((name, i) => [name, values[tensors[i] ?? '']?.data as Float32Array]));
  } finally {
    await session.release();
  }
}

function isSite(name: string): boolean {
  return resolved.sites.some((site) => site.name === name);
}

function fail(name: string): never {
  throw new RangeError(name);
}

const rowsFeed = { [ROWS_FEED]: { dtype: 'bool', dims: [BATCH, POS], data: mask } } as const;

/** x_hat or y_hat of one row in float64: the k largest of relu(z). */
function reconstruct(dictionary: ModelDictionary, x: Float32Array): Float64Array {
  const weights = weightsOf(dictionary);
  const at = (name: string, i: number): number => weights.get(name)?.[i] ?? 0;
  const centre = dictionary.sites.skip ? 0 : 1;
  const z = Array.from({ length: F }, (_, i) => {
    let sum = at('b_enc', i);
    for (let j = 0; j < WIDTH; j++) sum += at('W_enc', i * WIDTH + j) * ((x[j] as number) - centre * at('b_dec', j));
    return sum;
  });
  const chosen = z
    .map((value, i) => ({ value: Math.max(0, value), i }))
    .sort((a, b) => b.value - a.value || a.i - b.i)
    .slice(0, K);
  return Float64Array.from({ length: WIDTH }, (_, j) => {
    let sum = at('b_dec', j);
    for (const { value, i } of chosen) sum += value * at('W_dec', i * WIDTH + j);
    for (let i = 0; i < WIDTH; i++) sum += at('W_skip', j * WIDTH + i) * (x[i] as number);
    return sum;
  });
}

const row = (values: Float32Array | undefined, i: number): Float32Array =>
  values?.subarray(i * WIDTH, (i + 1) * WIDTH) ?? fail('row');

describe('one autoencoder', () => {
  const dictionary = sae('a', RESID[0] ?? '');

  it('gives the rows of the mask their reconstruction and leaves the bits of all others', async () => {
    const site = RESID[0] ?? '';
    const clean = await valuesOf({ model }, [site], {});
    const spliced = spliceDictionaries(source, [dictionary]);
    const after = await valuesOf(spliced, [site], { ...rowsFeed, ...weightFeeds([dictionary]) });
    for (let i = 0; i < BATCH * POS; i++) {
      if (mask[i] === 0) {
        expect(row(after.get(site), i)).toEqual(row(clean.get(site), i));
        continue;
      }
      const expected = reconstruct(dictionary, row(clean.get(site), i));
      row(after.get(site), i).forEach((value, j) => {
        expect(value).toBeCloseTo(expected[j] as number, 5);
      });
    }
  });

  it('leaves the model as it is where the mask is empty', async () => {
    const spliced = spliceDictionaries(source, [dictionary]);
    const none = { [ROWS_FEED]: { dtype: 'bool', dims: [BATCH, POS], data: new Uint8Array(BATCH * POS) } } as const;
    const after = await valuesOf(spliced, ['logits'], { ...none, ...weightFeeds([dictionary]) });
    const clean = await valuesOf({ model }, ['logits'], {});
    const [a, b] = [after.get('logits') ?? fail('logits'), clean.get('logits') ?? fail('logits')];
    a.forEach((value, i) => {
      expect(value).toBeCloseTo(b[i] as number, 5);
    });
  });
});

describe('a set of transcoders', () => {
  const set = [coder('t.0', NORMED[0] ?? '', MLP[0] ?? ''), coder('t.1', NORMED[1] ?? '', MLP[1] ?? '')];

  it('replaces all layers together: each reads the stream that those before it have changed', async () => {
    const spliced = spliceDictionaries(source, set);
    const after = await valuesOf(spliced, [...NORMED, ...MLP], { ...rowsFeed, ...weightFeeds(set) });
    const clean = await valuesOf({ model }, [...NORMED, ...MLP], {});
    expect(after.get(NORMED[0] ?? '')).toEqual(clean.get(NORMED[0] ?? ''));
    expect(after.get(NORMED[1] ?? '')).not.toEqual(clean.get(NORMED[1] ?? ''));
    for (const [layer, dictionary] of set.entries())
      for (let i = 0; i < BATCH * POS; i++) {
        if (mask[i] === 0) continue;
        const expected = reconstruct(dictionary, row(after.get(NORMED[layer] ?? ''), i));
        row(after.get(MLP[layer] ?? ''), i).forEach((value, j) => {
          expect(value).toBeCloseTo(expected[j] as number, 4);
        });
      }
  });

  it('leaves room for one over layers: each layer is written by the features of its own and of earlier ones', async () => {
    const n = F;
    const layers: ModelDictionary = {
      ...{ name: 'c', kind: ARCHITECTURES.batchtopk, features: 2 * n, settings: { k: K } },
      sites: {
        ...{ names: [...NORMED, ...MLP], widths: [WIDTH, WIDTH, WIDTH, WIDTH] },
        ...{ reads: [0, 1], writes: [2, 3], crossLayer: true },
      },
    };
    const spliced = spliceDictionaries(source, [layers]);
    const after = await valuesOf(spliced, [...NORMED, ...MLP], { ...rowsFeed, ...weightFeeds([layers]) });
    const weights = weightsOf(layers);
    const at = (name: string, i: number): number => weights.get(name)?.[i] ?? NaN;
    const threshold = at('threshold', 0);
    for (let i = 0; i < BATCH * POS; i++) {
      if (mask[i] === 0) continue;
      const f = [0, 1].flatMap((layer) =>
        Array.from({ length: n }, (_, feature) => {
          const x = row(after.get(NORMED[layer] ?? ''), i);
          let z = at('b_enc', layer * n + feature);
          for (let j = 0; j < WIDTH; j++) z += at(`W_enc.${layer}`, feature * WIDTH + j) * (x[j] as number);
          return z > threshold ? Math.max(0, z) : 0;
        }),
      );
      for (const layer of [0, 1])
        row(after.get(MLP[layer] ?? ''), i).forEach((value, j) => {
          let expected = at(`b_dec.${layer}`, j);
          for (let k = 0; k < (layer + 1) * n; k++) expected += (f[k] as number) * at(`W_dec.${layer}`, k * WIDTH + j);
          expect(value).toBeCloseTo(expected, 4);
        });
    }
  });

  it('refuses one over layers whose choice is made among all of them', () => {
    const sites = {
      names: [...NORMED, ...MLP],
      widths: [8, 8, 8, 8],
      reads: [0, 1],
      writes: [2, 3],
      crossLayer: true,
    } as const;
    const layers = { name: 'c', kind: ARCHITECTURES.topk, features: 2 * F, settings: { k: K }, sites };
    expect(() => spliceDictionaries(source, [layers])).toThrow('chosen among all layers together');
  });

  it('refuses two that write one site', () => {
    const [first = fail('set')] = set;
    expect(() => spliceDictionaries(source, [first, { ...first, name: 'again' }])).toThrow(InputError);
  });
});

describe('ablation and losses', () => {
  it('puts a vector in the rows of the mask, also of sites with heads', async () => {
    for (const site of [RESID[1] ?? '', 'blocks.0.attn.hook_z']) {
      const a = Float32Array.from({ length: WIDTH }, (_, j) => j - 2.5);
      const feeds = { ...rowsFeed, [vectorFeed(site)]: { dtype: 'float32', dims: [WIDTH], data: a } } as const;
      const after = await valuesOf(spliceVectors(source, [site]), [site], feeds);
      const clean = await valuesOf({ model }, [site], {});
      for (let i = 0; i < BATCH * POS; i++)
        expect(row(after.get(site), i)).toEqual(mask[i] === 0 ? row(clean.get(site), i) : a);
    }
  });

  it('gives −log softmax of the target in nats', async () => {
    const targets = BigInt64Array.from({ length: BATCH * POS }, (_, i) => BigInt((i * 5 + 1) % VOCAB));
    const feeds = { [LOSSES.targets]: { dtype: 'int64', dims: [BATCH, POS], data: targets } } as const;
    const values = await valuesOf(appendLosses(model, resolved), [LOSSES.nats, 'logits'], feeds);
    const logits = values.get('logits') ?? fail('logits');
    values.get(LOSSES.nats)?.forEach((nats, i) => {
      const own = Array.from(logits.subarray(i * VOCAB, (i + 1) * VOCAB));
      const sum = own.reduce((total, value) => total + Math.exp(value), 0);
      expect(nats).toBeCloseTo(Math.log(sum) - (own[Number(targets[i])] ?? NaN), 5);
    });
  });
});
