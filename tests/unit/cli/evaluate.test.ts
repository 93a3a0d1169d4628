// An evaluation is what brute force gives: variance, L0, cosine, bias, silent and dense features from the stored rows in float64,
// controls by loops, cross-entropy from logits of the model with its site set to reconstructions made here. `describe`
// prints it, a second call computes nothing, and shards of equal texts of another run are left out and counted.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EditTensor } from '../../../core/hooks/edit-value.js';
import { halfsToFloats } from '../../../core/tensor/half.js';
import { asFloat32, decodeSafetensors } from '../../../core/tensor/safetensors.js';
import { loadModel, prepareModel } from '../../../models/model-session.js';
import { makeFeeds } from '../../../models/feeds.js';
import { runStepsHere } from '../../../pipeline/execute/run-steps.js';
import {
  countLeftOut,
  evaluationDocument,
  readEvaluation,
  type EvaluationDocument,
} from '../../../reading/evaluation/read-evaluation.js';
import { saeEvalDocument } from '../../../schemas/documents/sae.js';
import type { ObjectRecord } from '../../../schemas/records.js';
import type { ResolvedEdit } from '../../../schemas/model-edits.js';
import type { ResolvedRun } from '../../../schemas/resolved-run.js';
import { evaluateStage } from '../../../stages/evaluate/stage.js';
import { evaluationName } from '../../../stages/evaluate/names.js';
import { type EvaluationRequest, workOfRun } from '../../../stages/work.js';
import type { ObjectStore } from '../../../storage/objects/object-store.js';
import { openStore } from '../../../storage/objects/open-store.js';
import { latestSnapshot, readSnapshotCommits } from '../../../storage/records/snapshots.js';
import { readActivations, readTokensTable } from '../../../storage/tables/read.js';
import { TINY_LM } from '../../harness/fixtures.js';
import { localHost } from '../../harness/local-host.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { runCli } from './harness.js';
import { runStages, SITE, submitRun, writeRun } from './pipeline.js';

const [D, F, K, CONTEXT] = [128, 64, 4, 32];
const folder = temporaryFolder('evaluate');
const other = temporaryFolder('evaluate-other');
let store: ObjectStore;
let run: ResolvedRun;

const request: EvaluationRequest = { dictionary: 'dict', split: 'test', resamples: 200, seed: 3, corpus: null };

async function evaluate(one: EvaluationRequest): Promise<string[]> {
  const called: string[] = [];
  const own = workOfRun(run);
  const tokens = one.corpus ? { tokens: { run: one.corpus.name, revision: one.corpus.revision } } : {};
  const work = { ...own, ...tokens, evaluations: [one] };
  await runStepsHere({
    ...{ store, work, steps: evaluateStage.steps(work), stop: new AbortController().signal },
    host: await localHost(folder, { called }),
    events: {
      begin: () => Promise.resolve(),
      progress: () => undefined,
      ended: (_item, failure) => {
        if (failure !== null) throw new Error(failure);
      },
      finished: () => Promise.resolve(),
    },
  });
  return called;
}

async function documentOf(one: EvaluationRequest): Promise<EvaluationDocument> {
  const stored = await readEvaluation(store, { run: 'small', dictionary: 'dict' }, evaluationName(one));
  if (!stored) throw new RangeError('no evaluation');
  return evaluationDocument(stored);
}

async function objects(dataset: string, table: string, split: string | null): Promise<Uint8Array[]> {
  const snapshot = await latestSnapshot(store, dataset);
  if (!snapshot) throw new RangeError(dataset);
  const found: ObjectRecord[] = [];
  for await (const commit of readSnapshotCommits(store, snapshot))
    if (split === null || commit.split === split) found.push(...commit.objects.filter((o) => o.table === table));
  return Promise.all(found.map(async ({ key }) => (await store.get(key)) as Uint8Array));
}

const edit = (yaml: string): string => yaml.replace('batchTokens: 512', 'batchTokens: 512, dropPositions: [0, 3]');

beforeAll(async () => {
  store = await openStore('file://./data', { base: folder });
  run = await submitRun(store, await writeRun(folder, edit));
  await runStages(store, run, { folder, until: 'encode' });
  await evaluate(request);
});
afterAll(async () => {
  await store.close();
});

interface Truth {
  readonly x: Float32Array;
  readonly weights: ReadonlyMap<string, Float32Array>;
  readonly fitMean: Float64Array;
  readonly calibMean: Float64Array;
}

async function truth(): Promise<Truth> {
  const rowsOf = async (split: string): Promise<Float32Array> => {
    const files = await objects(`small/activations/${SITE}`, 'activations', split);
    const parts = await Promise.all(files.map(async (file) => (await readActivations(file)).act as Uint16Array));
    return Float32Array.from(parts.flatMap((part) => [...halfsToFloats(part)]));
  };
  const [file] = await objects('small/dict/weights', 'weights', null);
  const tensors = decodeSafetensors(file as Uint8Array);
  return {
    x: await rowsOf('test'),
    weights: new Map([...tensors].map(([name, tensor]) => [name, asFloat32(tensor)])),
    fitMean: meanOf(await rowsOf('fit')),
    calibMean: meanOf(await rowsOf('calib')),
  };
}

function meanOf(x: Float32Array): Float64Array {
  const mean = new Float64Array(D);
  x.forEach((value, i) => (mean[i % D] = (mean[i % D] as number) + value / (x.length / D)));
  return mean;
}

function sum(n: number, each: (i: number) => number): number {
  let total = 0;
  for (let i = 0; i < n; i++) total += each(i);
  return total;
}

/** x_hat of one row and the features that fire, in float64. */
function reconstruct(x: ArrayLike<number>, weights: Truth['weights']): { hat: number[]; fires: number[] } {
  const at = (name: string, i: number): number => weights.get(name)?.[i] ?? NaN;
  const z = Array.from({ length: F }, (_, i) => ({
    i,
    value: at('b_enc', i) + sum(D, (j) => at('W_enc', i * D + j) * ((x[j] as number) - at('b_dec', j))),
  }));
  const kept = z
    .sort((a, b) => b.value - a.value || a.i - b.i)
    .slice(0, K)
    .filter(({ value }) => value > 0);
  const hat = Array.from(
    { length: D },
    (_, j) => at('b_dec', j) + kept.reduce((t, { i, value }) => t + value * at('W_dec', i * D + j), 0),
  );
  return { hat, fires: kept.map(({ i }) => i) };
}

describe('an evaluation', () => {
  it('has the variance, L0, cosine, bias and counts of features that loops over the stored rows give', async () => {
    const { x, weights, fitMean } = await truth();
    const [{ metrics, controls, rows, documents }, n] = [await documentOf(request), x.length / D];
    const mean = meanOf(x);
    const fired = new Array<number>(F).fill(0);
    const totals = { e: 0, v: 0, cross: 0, hat: 0, cosine: 0, firings: 0, neurons: 0 };
    for (let b = 0; b < n; b++) {
      const row = x.subarray(b * D, (b + 1) * D);
      const { hat, fires } = reconstruct(row, weights);
      const dot = (p: ArrayLike<number>, q: ArrayLike<number>): number =>
        sum(D, (j) => (p[j] as number) * (q[j] as number));
      for (const i of fires) fired[i] = (fired[i] ?? 0) + 1;
      totals.e += sum(D, (j) => ((hat[j] as number) - (row[j] as number)) ** 2);
      totals.v += sum(D, (j) => ((row[j] as number) - (mean[j] as number)) ** 2);
      totals.cross += dot(row, hat);
      totals.hat += dot(hat, hat);
      totals.cosine += dot(row, hat) / Math.sqrt(dot(row, row) * dot(hat, hat));
      totals.firings += fires.length;
      const centred = Array.from(row, (value, j) => (value - (fitMean[j] as number)) ** 2).sort((p, q) => q - p);
      totals.neurons += sum(D - K, (j) => centred[K + j] as number);
    }
    const counted = [rows, documents, metrics.l0.n, metrics.silent.n];
    expect(counted).toEqual([n, 2, n, F]);
    expect(metrics.fvu.value).toBeCloseTo(totals.e / totals.v, 6);
    expect(metrics.l0.value).toBe(totals.firings / n);
    expect(metrics.cosine.value).toBeCloseTo(totals.cosine / n, 6);
    expect(metrics.reconstructionBias.value).toBeCloseTo(totals.hat / totals.cross, 6);
    expect(metrics.silent.value).toBe(fired.filter((count) => count === 0).length);
    expect(metrics.dense.value).toBe(fired.filter((count) => count > n / 10).length);
    expect(controls['neuronsStrongest']?.fvu.value).toBeCloseTo(totals.neurons / totals.v, 6);
    expect(controls['neuronsStrongest']?.fvuDifference.value).toBeCloseTo((totals.e - totals.neurons) / totals.v, 6);
  });

  it('has intervals around the values, and controls of equal L0 among which the strongest components beat the first', async () => {
    const { metrics, controls } = await documentOf(request);
    for (const name of ['fvu', 'l0', 'cosine', 'reconstructionBias', 'deltaCeNats'] as const) {
      const { value, lo, hi } = metrics[name];
      expect(lo, name).toBeLessThanOrEqual(value as number);
      expect(hi, name).toBeGreaterThanOrEqual(value as number);
    }
    expect(Object.keys(controls)).toEqual(['pcaStrongest', 'pcaFirst', 'neuronsStrongest', 'random', 'untrained']);
    const fvu = (name: string): number => controls[name]?.fvu.value ?? NaN;
    expect(fvu('pcaStrongest')).toBeLessThan(fvu('pcaFirst'));
    expect(fvu('pcaStrongest')).toBeLessThan(fvu('neuronsStrongest'));
    expect(controls['pcaFirst']?.l0.value).toBe(K);
  });

  it('has the cross-entropy of the model with reconstructions, means and zeros in place of stored rows alone', async () => {
    const { weights, calibMean } = await truth();
    const { metrics } = await documentOf(request);
    const losses = await lossesByHand((x) => reconstruct(x, weights).hat, calibMean);
    const { tokens, clean, dictionary, mean, zero } = losses;
    expect(metrics.deltaCeNats.n).toBe(tokens);
    expect(metrics.deltaCeNats.value).toBeCloseTo((dictionary - clean) / tokens, 4);
    expect(metrics.ceRecoveredMean.value).toBeCloseTo((mean - dictionary) / (mean - clean), 4);
    expect(metrics.ceRecoveredZero.value).toBeCloseTo((zero - dictionary) / (zero - clean), 4);
  });

  it('is not computed again, and new resamples compute the table alone', async () => {
    expect(await evaluate(request)).toEqual([]);
    expect(await evaluate({ ...request, resamples: 201 })).toEqual(['evaluate-table']);
    await evaluate(request);
  });

  it('is printed by describe, side by side with what the dictionary does not beat', async () => {
    const cli = (...argv: string[]): ReturnType<typeof runCli> => runCli([...argv, '--store', 'data'], { cwd: folder });
    const described = await cli('describe', 'small/dict', '--json');
    const { training, ...evaluation } = saeEvalDocument.parse(JSON.parse(described.out));
    expect(evaluation).toEqual(await documentOf(request));
    // 16 steps of 64 rows, 4 of 64 features a row: the median feature fires in every one.
    expect(training).toMatchObject({ steps: 16, tokens: 1024, updates: { median: 16, atLeast100: 0 } });
    expect(training?.movement.rows).toBe(64);
    const text = (await cli('describe', 'small/dict')).out;
    expect(text).toContain('fraction of variance unexplained');
    expect(text).toMatch(
      /Trained 16 steps on 1,024 tokens: the median feature fired in 16 steps, 0.00 % of them in at least 100; the median row went 0\.\d+ of its length from its first values\./,
    );
    expect(text).toContain('NOT BETTER: small/dict loses to strongest components at equal L0');
  });
});

describe("another run's corpus", () => {
  it('is measured less the documents whose text the dictionary was fitted to', async () => {
    const file = await writeRun(other, (yaml) => edit(yaml).replace('name: small', 'name: again').replace('field: split', 'fit: 0, calib: 0, test: 1')); // prettier-ignore
    const corpus = await submitRun(store, file);
    await runStages(store, corpus, { folder: other, until: 'activations' });
    const one = { ...request, corpus };
    await evaluate(one);
    // 25 of its 28 documents are the fit documents of the dictionary's run.
    expect((await documentOf(one)).documents).toBe(3);
    expect(await countLeftOut(store, { run: 'small', dictionary: 'dict' }, evaluationName(one))).toBe(25);
  });
});

interface Losses {
  tokens: number;
  clean: number;
  dictionary: number;
  mean: number;
  zero: number;
}

/** Nats summed over the test documents, context by context, with the site set to values made by hand. */
async function lossesByHand(hatOf: (x: ArrayLike<number>) => number[], calibMean: Float64Array): Promise<Losses> {
  const total: Losses = { tokens: 0, clean: 0, dictionary: 0, mean: 0, zero: 0 };
  const prepend = run.model.prependId as number;
  for (const file of await objects('small/tokens', 'tokens', 'test')) {
    const { offsets, ids } = await readTokensTable(file);
    for (let d = 0; d + 1 < offsets.length; d++)
      for (let from = offsets[d] as number; from < (offsets[d + 1] as number); from += CONTEXT - 1) {
        const own = [prepend, ...ids.subarray(from, Math.min(from + CONTEXT - 1, offsets[d + 1] as number))];
        const clean = await pass(own, null);
        const x = clean.site;
        // Positions 0 and 3 are dropped, the prepended token counted.
        const put = (of: (row: Float32Array) => ArrayLike<number>): Float32Array =>
          Float32Array.from({ length: x.length }, (_, i) => {
            const p = Math.floor(i / D);
            if (p === 0 || p === 3) return x[i] as number;
            return of(x.subarray(p * D, (p + 1) * D))[i % D] as number;
          });
        total.tokens += own.length - 1;
        total.clean += nats(own, clean.logits);
        const rows = new Map<number, number[]>();
        const hat = (row: Float32Array): number[] => {
          const found = rows.get(row.byteOffset) ?? hatOf(row);
          rows.set(row.byteOffset, found);
          return found;
        };
        total.dictionary += nats(own, (await pass(own, put(hat))).logits);
        total.mean += nats(
          own,
          (
            await pass(
              own,
              put(() => calibMean),
            )
          ).logits,
        );
        total.zero += nats(
          own,
          (
            await pass(
              own,
              put(() => new Float64Array(D)),
            )
          ).logits,
        );
      }
  }
  return total;
}

async function pass(
  ids: readonly number[],
  value: Float32Array | null,
): Promise<{ site: Float32Array; logits: Float32Array }> {
  const tensor: EditTensor = { shape: [1, ids.length, D], data: value ?? new Float32Array(0) };
  const list: ResolvedEdit[] = value ? [{ site: SITE, op: 'set', value: { tensor: 'value' } }] : [];
  const edits = { list, tensors: new Map([['value', tensor]]), dictionaries: new Map() };
  const place = { onnx: `${TINY_LM}/model.onnx`, external: [] };
  const prepared = await prepareModel(place, [SITE], { extra: ['logits'], edits, positionStart: 0 });
  const model = await loadModel(prepared, { provider: 'cpu', threads: 1, optimisation: 'all' });
  try {
    const feeds = makeFeeds(model.inputs, { ids: Uint32Array.from(ids), length: ids.length });
    const values = await model.session.run(feeds);
    const [site = '', logits = ''] = model.outputs;
    return { site: values[site]?.data as Float32Array, logits: values[logits]?.data as Float32Array };
  } finally {
    await model.release();
  }
}

function nats(ids: readonly number[], logits: Float32Array): number {
  const vocabulary = logits.length / ids.length;
  return sum(ids.length - 1, (p) => {
    const own = logits.subarray(p * vocabulary, (p + 1) * vocabulary);
    const most = own.reduce((a, b) => Math.max(a, b), -Infinity);
    const total = own.reduce((t, value) => t + Math.exp(value - most), 0);
    return most + Math.log(total) - (own[ids[p + 1] as number] as number);
  });
}
