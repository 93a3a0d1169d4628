// Edits of features for every kind of dictionary, read and written at one site and at two (one of them inside a norm): against
// x + W_decᵀ (f' − f) in float64, with f by the kind's own equations over random weights.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { INDEPENDENT } from '../../../../core/dictionaries/edit-features.js';
import { parametersOf } from '../../../../core/dictionaries/state.js';
import { sha256Hex } from '../../../../core/identity/digest.js';
import { encodeSafetensors, safeTensor } from '../../../../core/tensor/safetensors.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';
import type { NamedDictionary } from '../../../../models/edit-context.js';
import { loadEdits, NO_EDITS, resolveEdits } from '../../../../models/edits.js';
import { readFeatureWeights, shapeOf } from '../../../../models/feature-weights.js';
import type { ModelEdits } from '../../../../models/apply-edits.js';
import { makeFeeds } from '../../../../models/feeds.js';
import { openModel } from '../../../../models/open-model.js';
import { loadModel, prepareModel } from '../../../../models/model-session.js';
import { ARCHITECTURE_NAMES, type ArchitectureName } from '../../../../schemas/dictionaries.js';
import type { ResolvedFeatureEdit, ResolvedSiteEdit } from '../../../../schemas/model-edits.js';
import { TINY_LM } from '../../../harness/fixtures.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';

const [WIDTH, FEATURES, K] = [128, 40, 6];
const IDS = [0, 17, 5, 301, 88, 12];
const SAME = { names: ['blocks.1.hook_resid_post'], reads: [0], writes: [0] };
const OTHER = { names: ['blocks.2.ln2.hook_normalized', 'blocks.2.hook_mlp_out'], reads: [0], writes: [1] };

const folder = temporaryFolder('edited-kinds');

interface Made {
  readonly edit: ResolvedFeatureEdit;
  readonly edits: ModelEdits;
  readonly weights: ReadonlyMap<string, Float32Array>;
}

/** A dictionary with random weights in a file, and an edit of three of its features. */
async function make(architecture: ArchitectureName, wiring: typeof SAME): Promise<Made> {
  const random = new KeyedRandom(architecture, wiring.names.join());
  const sites = { ...wiring, widths: wiring.names.map(() => WIDTH) };
  const dictionary = { digest: '', architecture, features: FEATURES, settings: { k: K }, sites };
  const tensors = new Map(
    parametersOf(shapeOf({ dictionary })).map(({ name, shape }) => {
      const scale = name === 'threshold' ? 0.3 : 1 / Math.sqrt(WIDTH);
      const size = shape.reduce((a, b) => a * b, 1);
      const values = Float32Array.from({ length: size }, () => scale * random.nextNormal());
      return [name, { shape, values: name === 'threshold' ? values.map(Math.abs) : values }] as const;
    }),
  );
  const file = Buffer.concat(
    encodeSafetensors(new Map([...tensors].map(([name, { shape, values }]) => [name, safeTensor(values, shape)]))),
  );
  const digest = sha256Hex(file);
  const path = join(folder, digest);
  await writeFile(path, file);
  const edit: ResolvedFeatureEdit = {
    dictionary: { ...dictionary, digest },
    changes: [
      { feature: 3, op: 'set', value: 2 },
      { feature: 17, op: 'scale', factor: -1.5 },
      { feature: 39, op: 'add', value: 1, at: [{ from: 2, to: null }] },
    ],
  };
  const weights = new Map([...tensors].map(([name, { values }]) => [name, values]));
  return { edit, edits: await loadEdits([edit], { [digest]: path }), weights };
}

async function valuesOf(names: readonly string[], edits: ModelEdits): Promise<Map<string, Float32Array>> {
  const prepared = await prepareModel({ onnx: join(TINY_LM, 'model.onnx'), external: [] }, names, { edits });
  const model = await loadModel(prepared, { provider: 'cpu', threads: 1, optimisation: 'all' });
  try {
    const feeds = makeFeeds(model.inputs, { ids: Uint32Array.from(IDS), length: IDS.length });
    const results = await model.session.run(feeds, [...new Set(model.outputs)]);
    return new Map(model.sites.map(({ name }, i) => [name, results[model.outputs[i] ?? '']?.data as Float32Array]));
  } finally {
    await model.release();
  }
}

/** f of every feature on one row, in float64, from the equations of architectures/. */
function featuresOf(architecture: ArchitectureName, x: Float32Array, { edit, weights }: Made): number[] {
  const at = (name: string, i: number): number => weights.get(name)?.[i] ?? NaN;
  const centred = architecture !== 'jumprelu' && edit.dictionary.sites.names.length === 1;
  const h = Array.from({ length: FEATURES }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < WIDTH; j++)
      sum += at('W_enc', i * WIDTH + j) * ((x[j] as number) - (centred ? at('b_dec', j) : 0));
    return sum;
  });
  if (architecture === 'gated')
    return h.map((own, i) =>
      own + at('b_gate', i) > 0 ? Math.max(0, Math.exp(at('r_mag', i)) * own + at('b_mag', i)) : 0,
    );
  const z = h.map((own, i) => own + at('b_enc', i));
  const kth = [...z].sort((a, b) => b - a)[K - 1] as number;
  const least: Partial<Record<ArchitectureName, (i: number) => number>> = {
    topk: () => kth - 1e-9,
    relu: () => 0,
    jumprelu: (i) => at('threshold', i),
  };
  const threshold = least[architecture] ?? ((): number => at('threshold', 0));
  return z.map((value, i) => (value > threshold(i) ? Math.max(0, value) : 0));
}

describe.each(ARCHITECTURE_NAMES)('%s', (architecture) => {
  it.each([
    ['one site', SAME],
    ['two sites', OTHER],
  ])('moves what it writes by the decoder rows, at %s', async (_, wiring) => {
    const made = await make(architecture, wiring);
    const [read, written] = [wiring.names[0] ?? '', wiring.names.at(-1) ?? ''];
    const before = await valuesOf(wiring.names, NO_EDITS);
    const after = await valuesOf(wiring.names, made.edits);
    const row = (of: ReadonlyMap<string, Float32Array>, name: string, pos: number): Float32Array =>
      (of.get(name) ?? new Float32Array()).subarray(pos * WIDTH, (pos + 1) * WIDTH);
    let fired = 0;
    for (let pos = 0; pos < IDS.length; pos++) {
      const f = featuresOf(architecture, row(before, read, pos), made);
      fired += f.filter((value) => value > 0).length;
      const moves = new Map([
        [3, 2 - (f[3] as number)],
        [17, -2.5 * (f[17] as number)],
        [39, pos >= 2 ? 1 : 0],
      ]);
      row(after, written, pos).forEach((value, j) => {
        let expected = row(before, written, pos)[j] as number;
        for (const [i, move] of moves) expected += move * (made.weights.get('W_dec')?.[i * WIDTH + j] as number);
        expect(Math.abs(value - expected)).toBeLessThan(3e-5 * Math.max(1, Math.abs(expected)));
      });
    }
    // Some fire and some do not: the choice is part of what is compared.
    expect(fired).toBeGreaterThan(IDS.length);
    expect(fired).toBeLessThan(IDS.length * FEATURES);
  });

  it('reads the rows of its edited features alone where these suffice', async () => {
    const { edit, edits } = await make(architecture, SAME);
    const path = edits.dictionaries.get(edit.dictionary.digest)?.path ?? '';
    const { tensors, shape, rows } = await readFeatureWeights(edit, path);
    const alone = INDEPENDENT[architecture];
    expect(shape.features).toBe(alone ? 3 : FEATURES);
    expect(tensors.get('W_enc')?.shape).toEqual([alone ? 3 : FEATURES, WIDTH]);
    expect('data' in (tensors.get('W_enc') ?? {})).toBe(alone);
    expect(rows.map((one) => one.shape)).toEqual([[3, WIDTH]]);
  });
});

describe('a dictionary over layers', () => {
  const streams = ['blocks.1.hook_resid_post', 'blocks.2.hook_resid_post'];
  const mlps = ['blocks.1.hook_mlp_out', 'blocks.2.hook_mlp_out'];
  const inputs = ['blocks.1.ln2.hook_normalized', 'blocks.2.ln2.hook_normalized'];
  it.each([
    ['a crosscoder', { names: streams, reads: [0, 1], writes: [0, 1] }, [streams[0], streams[1]]],
    ['a cross-layer transcoder', { names: [...inputs, ...mlps], reads: [0, 1], writes: [2, 3] }, [mlps[0], inputs[1]]],
  ])('is refused, as what it reads comes after what it writes: %s', async (_, wiring, [written = '', read = '']) => {
    const { summary } = await openModel(join(TINY_LM, 'model.onnx'));
    const named: NamedDictionary = {
      ...{ name: 'r/x', digest: 'd', architecture: 'topk', features: 8, settings: { k: 2 }, path: '', bytes: 0 },
      sites: { ...wiring, widths: wiring.names.map(() => WIDTH) },
      model: { base: summary.digest, edits: [] },
    };
    const resolving = resolveEdits([{ feature: 'r/x#1', op: 'ablate' }], {
      ...{ model: summary, digest: summary.digest, length: 8, lengthName: 'tokens', batch: 1, folder, runValue: null },
      dictionary: () => Promise.resolve(named),
      where: (edit) => `edits[${edit}]`,
    });
    await expect(resolving).rejects.toThrow(
      `edits[0]: Expected a dictionary whose features read before they write, found that r/x writes ${written} and reads ${read}`,
    );
  });

  it('of an edited model is refused where its edits are not given as well', async () => {
    const { summary } = await openModel(join(TINY_LM, 'model.onnx'));
    const own: ResolvedSiteEdit = { site: 'blocks.0.hook_mlp_out', op: 'ablate' };
    const named: NamedDictionary = {
      ...{ name: 'r/x', digest: 'd', architecture: 'topk', features: 8, settings: { k: 2 }, path: '', bytes: 0 },
      sites: { ...SAME, widths: [WIDTH] },
      model: { base: summary.digest, edits: [own] },
    };
    const resolving = resolveEdits([{ feature: 'r/x#1', op: 'ablate' }], {
      ...{ model: summary, digest: summary.digest, length: 8, lengthName: 'tokens', batch: 1, folder, runValue: null },
      dictionary: () => Promise.resolve(named),
      where: (edit) => `edits[${edit}]`,
    });
    await expect(resolving).rejects.toThrow('edits[0]: Expected the model of r/x, which has the edits [{"op":"ablate"');
  });
});
