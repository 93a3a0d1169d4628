// Edits that name features, from a trained dictionary of a store: x' = x + W_decᵀ (f' − f) against float64, no bit changed where
// nothing changes, and what is refused.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asFloat32, decodeSafetensors } from '../../../../core/tensor/safetensors.js';
import { Session } from '../../../../runtime/session.js';
import type { ResolvedFeatureEdit } from '../../../../schemas/model-edits.js';
import type { ResolvedRun } from '../../../../schemas/resolved-run.js';
import { givenModelFiles } from '../../../../stages/activations/run-model-files.js';
import { activationsSettings, siteKeys } from '../../../../stages/activations/stage.js';
import { tokensKey } from '../../../../stages/tokens/stage.js';
import type { ObjectStore } from '../../../../storage/objects/object-store.js';
import { openStore } from '../../../../storage/objects/open-store.js';
import { listCommitInputs, readCommits } from '../../../../storage/records/commits.js';
import { readTable, readTokensTable } from '../../../../storage/tables/read.js';
import { latestSnapshot, readSnapshotCommits } from '../../../../storage/records/snapshots.js';
import { TINY_LM } from '../../../harness/fixtures.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';
import { runCli, type CliResult } from '../../cli/harness.js';
import { runStages, SITE, submitRun, writeRun } from '../../cli/pipeline.js';

const WIDTH = 128;
const IDS = [0, 17, 5, 301, 88, 12, 900, 44];
const MODEL = join(TINY_LM, 'model.onnx');

const folder = temporaryFolder('feature-edits');
const environment = { ASSAY_CACHE: join(folder, 'copies-of-commands') };
let store: ObjectStore;
let digest = '';
let weights: (name: string) => Float32Array;

const L1 = `  - { name: l1, hook: ${SITE}, architecture: relu, sparsity: 0.05, features: 64, tokens: 1024, batchRows: 64 }\nindex:`;

beforeAll(async () => {
  store = await openStore('file://./data', { base: folder });
  const run = await submitRun(store, await writeRun(folder, (yaml) => yaml.replace('index:', L1)));
  await runStages(store, run, { folder, until: 'train' });
  await writeFile(join(folder, 'ids.json'), JSON.stringify([IDS]));
  const of = async (dictionary: string) => {
    const snapshot = await latestSnapshot(store, `small/${dictionary}/weights`);
    for await (const { objects } of readSnapshotCommits(store, snapshot ?? fail('snapshot'))) {
      const found = objects.find(({ table }) => table === 'weights') ?? fail('weights');
      const tensors = decodeSafetensors((await store.get(found.key)) ?? fail(found.key));
      return { found, tensors };
    }
    return fail('commit');
  };
  const { found, tensors } = await of('dict');
  digest = found.sha256;
  const l1 = (await of('l1')).tensors;
  weights = (name) => {
    const [of_, tensor = ''] = name.split('.');
    return asFloat32((of_ === 'l1' ? l1 : tensors).get(tensor) ?? fail(name));
  };
});
afterAll(async () => {
  await store.close();
});

function fail(what: string): never {
  throw new RangeError(what);
}

function run(out: string, edits: readonly string[], model = MODEL): Promise<CliResult> {
  const argv = ['model', 'run', model, '--ids', 'ids.json', '--hooks', `${SITE},logits`, '--out', out];
  const given = edits.flatMap((edit) => ['--edit', edit]);
  return runCli([...argv, ...given, '--store', 'data'], { cwd: folder, environment });
}

async function values(edits: readonly string[], model = MODEL): Promise<(name: string) => Float32Array> {
  const result = await run('out.safetensors', edits, model);
  expect(result, result.err).toMatchObject({ code: 0 });
  const tensors = decodeSafetensors(await readFile(join(folder, 'out.safetensors')));
  return (name) => asFloat32(tensors.get(name) ?? fail(name));
}

/** z of every feature for one row, in float64. */
function preActivations(of: string, x: Float32Array): number[] {
  const [W, b, c] = [weights(`${of}.W_enc`), weights(`${of}.b_enc`), weights(`${of}.b_dec`)];
  return Array.from(b, (bias, i) => {
    let sum = bias;
    for (let j = 0; j < WIDTH; j++) sum += (W[i * WIDTH + j] as number) * ((x[j] as number) - (c[j] as number));
    return sum;
  });
}

/** f of every feature: of `dict` the 4 largest of relu(z), of `l1` relu(z). */
function featuresOf(of: string, x: Float32Array): number[] {
  const z = preActivations(of, x);
  const least = of === 'dict' ? ([...z].sort((a, b) => b - a)[3] ?? 0) : -Infinity;
  return z.map((value) => (value >= least ? Math.max(0, value) : 0));
}

const row = (x: Float32Array, pos: number): Float32Array => x.subarray(pos * WIDTH, (pos + 1) * WIDTH);

/** The greatest error of an edited site against x + Σ_i (f'_i − f_i) W_dec_i. */
function errorOf(
  of: string,
  [before, after]: readonly [Float32Array, Float32Array],
  change: (pos: number, f: readonly number[]) => ReadonlyMap<number, number>,
): number {
  let worst = 0;
  for (let pos = 0; pos < IDS.length; pos++) {
    const f = featuresOf(of, row(before, pos));
    const expected = Float64Array.from(row(before, pos));
    for (const [i, value] of change(pos, f)) {
      const own = row(weights(`${of}.W_dec`), i);
      own.forEach((w, j) => (expected[j] = (expected[j] as number) + (value - (f[i] as number)) * w));
    }
    row(after, pos).forEach((x, j) => (worst = Math.max(worst, Math.abs(x - (expected[j] as number)))));
  }
  return worst;
}

/** A feature that fires somewhere, and one that does not fire everywhere. */
function firing(of: string, x: Float32Array): number {
  const counts = new Map<number, number>();
  for (let pos = 0; pos < IDS.length; pos++)
    featuresOf(of, row(x, pos)).forEach((value, i) => counts.set(i, (counts.get(i) ?? 0) + Number(value > 0)));
  return [...counts].find(([, n]) => n > 1 && n < IDS.length)?.[0] ?? fail('no such feature');
}

describe.each(['dict', 'l1'])('an edit of a feature of %s', (of) => {
  it('moves the site by the decoder row times the change of the value, everywhere', async () => {
    const before = (await values([]))(SITE);
    const i = firing(of, before);
    const after = (await values([`small/${of}#${i}=set:8`]))(SITE);
    expect(errorOf(of, [before, after], () => new Map([[i, 8]]))).toBeLessThan(2e-5);
    const scaled = (await values([`small/${of}#${i}=scale:3`]))(SITE);
    expect(errorOf(of, [before, scaled], (_, f) => new Map([[i, 3 * (f[i] as number)]]))).toBeLessThan(2e-5);
    const ablated = (await values([`${of}#${i}=ablate`]))(SITE);
    expect(errorOf(of, [before, ablated], () => new Map([[i, 0]]))).toBeLessThan(2e-5);
  });

  it('joins several features in one change of the values at its start, each at its positions, in their order', async () => {
    const before = (await values([]))(SITE);
    const i = firing(of, before);
    const [j, at] = [(i + 1) % 64, [1, 2, 7]];
    const edits = [`small/${of}#${j}=add:2*1.5,at=1:3,-1`, `small/${of}#${i}=scale:2`, `small/${of}#${i}=add:-1,at=4`];
    const after = (await values(edits))(SITE);
    const change = (pos: number, f: readonly number[]): Map<number, number> =>
      new Map([
        [j, (f[j] as number) + (at.includes(pos) ? 3 : 0)],
        [i, 2 * (f[i] as number) - (pos === 4 ? 1 : 0)],
      ]);
    expect(errorOf(of, [before, after], change)).toBeLessThan(2e-5);
    const logits = (await values([]))('logits');
    expect((await values(edits))('logits')).not.toEqual(logits);
  });

  it('that changes nothing changes no bit', async () => {
    const [plain, edited] = [await values([]), await values([`small/${of}#3=scale:1`, `small/${of}#9=add:0`])];
    for (const name of [SITE, 'logits']) expect(edited(name)).toEqual(plain(name));
    // A feature that does not fire at a place is ablated without a trace there.
    const i = firing(of, plain(SITE));
    const ablated = (await values([`small/${of}#${i}=ablate`]))(SITE);
    for (let pos = 0; pos < IDS.length; pos++) {
      const same = (featuresOf(of, row(plain(SITE), pos))[i] as number) === 0;
      if (same) expect(row(ablated, pos)).toEqual(row(plain(SITE), pos));
      else expect(row(ablated, pos)).not.toEqual(row(plain(SITE), pos));
    }
  });
});

describe('the reference of a model with edited features', () => {
  it('names the dictionary by its digest, features in order, equal edits alike', async () => {
    await values([`small/dict#9=ablate:0,at=2`, `small/dict#3=add:2*2`, `small/dict#9=set:1`]);
    const reference = await referenceOf('out.safetensors');
    expect(reference.edits).toEqual([
      {
        dictionary: {
          ...{ digest, architecture: 'topk', features: 64, settings: { k: 4 } },
          sites: { names: [SITE], widths: [WIDTH], reads: [0], writes: [0] },
        },
        changes: [
          { feature: 3, op: 'add', value: 4 },
          { feature: 9, op: 'ablate', at: [{ from: 2, to: 3 }] },
          { feature: 9, op: 'set', value: 1 },
        ],
      },
    ]);
  });
});

async function referenceOf(file: string): Promise<{ edits: ResolvedFeatureEdit[] }> {
  const bytes = await readFile(join(folder, file));
  const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString()) as {
    __metadata__: { model: string };
  };
  return JSON.parse(header.__metadata__.model) as { edits: ResolvedFeatureEdit[] };
}

describe('the backward graph of a model with an edited feature', () => {
  it.each(['dict', 'l1'])('has c − 1[f > 0] (c · W_dec) W_enc where a feature of %s is set', async (of) => {
    const before = (await values([]))(SITE);
    const i = firing(of, before);
    const wrt = 'blocks.2.hook_mlp_out';
    const argv = ['model', 'vjp', MODEL, '--output', SITE, '--wrt', wrt, '--edit', `small/${of}#${i}=set:8,at=1:`];
    const written = await runCli([...argv, '--out', 'vjp.onnx', '--store', 'data'], { cwd: folder, environment });
    expect(written, written.err).toMatchObject({ code: 0 });
    const engine = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;
    const session = await Session.create(await readFile(join(folder, 'vjp.onnx')), engine);
    try {
      const c = Float32Array.from({ length: IDS.length * WIDTH }, (_, k) => Math.sin(k));
      const shape = [1, IDS.length, WIDTH];
      const results = await session.run(
        {
          input_ids: { dtype: 'int64', dims: [1, IDS.length], data: BigInt64Array.from(IDS, BigInt) },
          [`cotangent.${SITE}`]: { dtype: 'float32', dims: shape, data: c },
        },
        [`grad.${wrt}`],
      );
      const grad = results[`grad.${wrt}`]?.data as Float32Array;
      const [enc, dec] = [row(weights(`${of}.W_enc`), i), row(weights(`${of}.W_dec`), i)];
      for (let pos = 0; pos < IDS.length; pos++) {
        const own = row(c, pos);
        const fires = pos > 0 && (featuresOf(of, row(before, pos))[i] as number) > 0;
        const along = fires ? own.reduce((sum, value, j) => sum + value * (dec[j] as number), 0) : 0;
        row(grad, pos).forEach((value, j) => {
          expect(Math.abs(value - ((own[j] as number) - along * (enc[j] as number)))).toBeLessThan(1e-5);
        });
      }
    } finally {
      await session.release();
    }
  });
});

describe('a run file with an edited feature', () => {
  it('is a run of another model: keys differ, and its activations are those of model run', async () => {
    const yaml = (edits: string, name: string) => (text: string) =>
      (text.split('saes:')[0] ?? '')
        .replace('name: small', `name: ${name}`)
        .replace("prepend: '<|endoftext|>' }", `prepend: '<|endoftext|>'${edits} }`)
        .replace('batchTokens: 512', 'batchTokens: 512, dtype: float32, dropPositions: []')
        .concat('compute: { device: cpu }\n');
    const edit = (value: number): string =>
      `, edits: [{ feature: 'small/dict#3', op: set, value: ${value}, at: ['2:'] }]`;
    const keyOf = (run: ResolvedRun): string =>
      siteKeys(activationsSettings(run, givenModelFiles(run) ?? fail(run.name)))[0]?.key ?? '';
    const runs: ResolvedRun[] = [];
    for (const [n, edits] of ['', edit(8), edit(9)].entries())
      runs.push(await submitRun(store, await writeRun(folder, yaml(edits, 'steered')), n + 1));
    expect(new Set(runs.map(keyOf)).size).toBe(3);
    const [, steered] = runs as [ResolvedRun, ResolvedRun, ResolvedRun];
    expect(givenModelFiles(steered)?.editValues?.map(({ sha256 }) => sha256)).toEqual([digest]);
    await runStages(store, steered, { folder, until: 'activations' });
    const { act, ids } = await firstContext(steered, keyOf(steered));
    await writeFile(join(folder, 'ids.json'), JSON.stringify([ids]));
    try {
      const [edited, plain] = [await values(['small/dict#3=set:8,at=2:']), await values([])];
      const largest = edited(SITE).reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      const differences = (of: Float32Array): number =>
        Math.max(...act.map((x, i) => Math.abs(x - (of[i + WIDTH] as number)))) / largest;
      expect(differences(edited(SITE))).toBeLessThan(2e-6);
      expect(differences(plain(SITE))).toBeGreaterThan(0.01);
    } finally {
      await writeFile(join(folder, 'ids.json'), JSON.stringify([IDS]));
    }
  });

  it.each([
    ["{ feature: 'small/dcit#3', op: ablate }", 'model.edits[0].feature: Expected a trained dictionary as RUN/DICT'],
    ["{ feature: 'dict#3', op: ablate }", 'did you mean small/dict?'],
    ["{ feature: 'small/dict#64', op: ablate }", 'Expected features 0 to 63, because small/dict has 64, found 64.'],
  ])('is refused as %s before anything is stored', async (edit, message) => {
    const yaml = (text: string): string =>
      text
        .replace('name: small', 'name: refused')
        .replace("prepend: '<|endoftext|>' }", `prepend: '<|endoftext|>', edits: [${edit}] }`);
    await expect(submitRun(store, await writeRun(folder, yaml))).rejects.toThrow(message);
  });
});

/** The stored rows of a context of 32 tokens, the first of its document, and its ids with the prepended one. */
async function firstContext(run: ResolvedRun, key: string): Promise<{ act: Float32Array; ids: number[] }> {
  const objects = async (stage: 'tokens' | 'activations', of: string) => {
    const inputs = [...(await listCommitInputs(store, stage, of))];
    const commits = await readCommits(store, { stage, key: of, inputs });
    const own = commits.flatMap((commit) => commit.objects.filter(({ table }) => table === stage));
    return Promise.all(own.map(async (object) => (await store.get(object.key)) ?? fail(object.key)));
  };
  const tokens = await objects('tokens', tokensKey(run).key);
  for (const bytes of tokens) {
    const table = await readTokensTable(bytes);
    const at = table.doc.findIndex((_, n) => (table.offsets[n + 1] ?? 0) - (table.offsets[n] ?? 0) >= 31);
    if (at < 0) continue;
    const doc = table.doc[at] as number;
    const ids = [0, ...table.ids.subarray(table.offsets[at], (table.offsets[at] ?? 0) + 31)];
    const act = new Float32Array(31 * WIDTH);
    for (const stored of await objects('activations', key)) {
      const { columns } = await readTable('activations', stored);
      columns.doc.forEach((own, n) => {
        const pos = columns.pos[n] as number;
        if (own === doc && pos < 31) act.set(row(columns.act as Float32Array, n), pos * WIDTH);
      });
    }
    return { act, ids };
  }
  return fail('no long document');
}

describe('an edit of a feature', () => {
  it('is refused for another model than the dictionary was trained on, with both digests', async () => {
    const result = await run('no.safetensors', ['small/dict#3=scale:1'], join(TINY_LM, 'model.legacy.onnx'));
    expect(result).toMatchObject({ code: 2, out: '' });
    expect(result.err).toMatch(
      /Expected model [0-9a-f]{64}, from whose activations small\/dict was trained, found model/,
    );
    expect(result.err).toContain('Give the file of that model, or a dictionary of this one.');
  });

  it.each([
    ['small/dict#64=ablate', 'Expected features 0 to 63, because small/dict has 64, found 64.'],
    ['small/dcit#3=ablate', 'found "small/dcit", which is none; did you mean small/dict'],
    ['small/dict#3=set:1e39', 'expected a finite number of float32 (at most 3.403e+38), found 1e+39'],
    ['small/dict#3=add:1e30*1e30', 'Expected a finite number of float32, found 1e+30 · 1e+30'],
    ['small/dict#3=set:v.safetensors#v', 'expected a number for a feature, found "v.safetensors#v"'],
    ['small/dict#3=ablate,head=1', 'expected no heads with a feature'],
    ['small/dict#3=ablate,at=8', 'Expected positions from 0 to 7 or from -8 to -1 (tokens in a row: 8), found "8"'],
    ['small/dict#x=ablate', 'expected a feature as RUN/DICT#NUMBER, found "small/dict#x"'],
  ])('is refused as %s, with 2 and what to do', async (edit, message) => {
    const result = await run('never.safetensors', [edit]);
    expect(result).toMatchObject({ code: 2, out: '' });
    expect(result.err).toContain(message);
    expect(result.err).toContain(`--edit "${edit}"`);
  });
});
