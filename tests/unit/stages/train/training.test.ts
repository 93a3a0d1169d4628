// Whole trainings on a memory store: exact resume, shared reads, what is logged, what is refused.
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeSafetensors, asFloat32 } from '../../../../core/tensor/safetensors.js';
import { DataError, ResourceError } from '../../../../schemas/errors.js';
import type { TrainConfig } from '../../../../stages/train/config.js';
import type { StageResult } from '../../../../stages/stage.js';
import { computePcaBaseline, type PcaBaseline } from '../../../../stages/train/pca-baseline.js';
import { planTrainItem } from '../../../../stages/train/plan.js';
import { createTrainingRun } from '../../../../stages/train/run.js';
import { listCheckpointSteps, latestCheckpoint } from '../../../../storage/records/checkpoints.js';
import { readTable } from '../../../../storage/tables/read.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';
import { WIDTH, fileOf, makeRows, makeWorld, sha256, trainConfig, type ShardSpec, type World } from './harness.js';

const place = temporaryFolder('train');
const SHARDS: readonly ShardSpec[] = [
  { name: 'p-fit-00000', split: 'fit', rows: 900, seed: 1 },
  { name: 'p-fit-00001', split: 'fit', rows: 5000, seed: 2 },
  { name: 'p-calib-00000', split: 'calib', rows: 300, seed: 3 },
  { name: 'p-test-00000', split: 'test', rows: 300, seed: 4 },
];
const snapshot = sha256('snapshot');
/** A row that the order of data puts after the fourth step. */
const BAD_ROW = 500;

/** Runs links until finished; `stops[i]` is the step at which link i is asked to stop. */
async function train(
  world: World,
  configs: readonly TrainConfig[],
  { stops = [], limitMs }: { readonly stops?: readonly number[]; readonly limitMs?: number } = {},
): Promise<{ result: StageResult; links: number }> {
  const item = planTrainItem({ configs, snapshot, segments: world.segments });
  const run = createTrainingRun(limitMs);
  for (let link = 0; ; link++) {
    const controller = new AbortController();
    const at = stops[link];
    const context = await world.context({
      stop: controller.signal,
      onProgress: (step) => {
        if (at !== undefined && step >= at) controller.abort();
      },
    });
    const result = await run(item, configs, context);
    if (result.finished) return { result, links: link + 1 };
  }
}

const digests = (result: StageResult): string[][] =>
  result.outputs.map(({ files }) => files.map((file) => file.sha256));

describe('a training', () => {
  let whole: StageResult;
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(place, SHARDS);
    whole = (await train(world, [trainConfig('a')])).result;
  });

  it('gives the same bytes when stopped after about 17 of 40 steps and resumed', async () => {
    const other = await makeWorld(place, SHARDS);
    const { result, links } = await train(other, [trainConfig('a')], { stops: [17] });
    expect(links).toBe(2);
    const [key] = planTrainItem({ configs: [trainConfig('a')], snapshot, segments: [] }).keys as [string];
    const steps = await listCheckpointSteps(other.store, key);
    expect(steps[0]).toBeGreaterThanOrEqual(17);
    expect(steps[0]).toBeLessThan(40);
    expect(digests(result)).toEqual(digests(whole));
    expect(result.outputs[0]?.statistics).toEqual(whole.outputs[0]?.statistics);
  });

  it('gives the same bytes when it stops after every chunk', async () => {
    const other = await makeWorld(place, SHARDS);
    const { result, links } = await train(other, [trainConfig('a')], {
      stops: Array.from({ length: 60 }, (_, i) => (i === 0 ? 0 : 1)),
    });
    expect(links).toBeGreaterThan(3);
    expect(digests(result)).toEqual(digests(whole));
  });

  it('gives the same bytes when every link is out of time at once, and makes progress in each', async () => {
    const other = await makeWorld(place, SHARDS);
    const { result, links } = await train(other, [trainConfig('a')], { limitMs: 0 });
    expect(links).toBeGreaterThan(3);
    expect(digests(result)).toEqual(digests(whole));
  });

  it('gives the same bytes when another dictionary of the site shares the read, which gets its own', async () => {
    const second = trainConfig('b', {
      features: 32,
      k: 2,
      batchRows: 96,
      tokens: 96 * 90,
      seed: 9,
    });
    const other = await makeWorld(place, SHARDS);
    const alone = await train(other, [second]);
    const fresh = await makeWorld(place, SHARDS);
    const shared = await train(fresh, [trainConfig('a'), second], { stops: [11, 29, 41] });
    expect(shared.links).toBeGreaterThan(1);
    expect(digests(shared.result)).toEqual([...digests(whole), ...digests(alone.result)]);
  });

  it('carries remainders over super-buffers and epochs, and resumes anywhere among them', async () => {
    // 70 shards of 41 rows: two super-buffers an epoch of 2,870 rows = 22 batches of 128 and 54 rows dropped; 60 steps.
    const many = Array.from({ length: 70 }, (_, i): ShardSpec => ({
      name: `p-fit-${String(i).padStart(5, '0')}`,
      split: 'fit',
      rows: 41,
      seed: i,
    }));
    const config = trainConfig('a', { tokens: 128 * 60, features: 32, k: 2 });
    const [first, second] = [await makeWorld(place, many), await makeWorld(place, many)];
    const straight = await train(first, [config]);
    const cut = await train(second, [config], { stops: [1, 19, 20, 21, 23, 40, 45, 59] });
    expect(straight.links).toBe(1);
    expect(cut.links).toBeGreaterThan(5);
    expect(digests(cut.result)).toEqual(digests(straight.result));
    expect(straight.result.outputs[0]?.statistics['steps']).toBe(60);
  });

  it('does not depend on the order of commits in the snapshot', async () => {
    const other = await makeWorld(
      place,
      [...SHARDS].reverse().map((shard) => shard),
      { rowsOf: (shard) => makeRows(shard.seed, shard.rows) },
    );
    // Document numbers follow the order of storing here, so only the weights are compared.
    const { result } = await train(other, [trainConfig('a')]);
    expect(digests(result)[0]?.[0]).toBe(digests(whole)[0]?.[0]);
  });

  it('logs every fifth step, and the calib split at each tenth with the untrained dictionary first', async () => {
    const { columns } = await readTable('training', fileOf(whole.outputs[0], 'training'));
    const at = (split: string): number[] => [...columns.step].filter((_, i) => columns.split[i] === split);
    expect(at('fit')).toEqual([5, 10, 15, 20, 25, 30, 35, 40]);
    expect(at('calib')).toEqual([0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40]);
    const calib = [...columns.fvu].filter((_, i) => columns.split[i] === 'calib');
    expect(calib.at(-1)).toBeLessThan((calib[0] as number) * 0.75);
    expect([...columns.l0].every((l0) => l0 <= 3)).toBe(true);
    expect([...columns.gradNorm].map(Number.isNaN)).toEqual(columns.split.map((split) => split === 'calib'));
  });

  it('stores finite weights in raw units with decoder rows of unit norm', async () => {
    const tensors = decodeSafetensors(await readFile(fileOf(whole.outputs[0], 'weights')));
    expect([...tensors].map(([name, { shape }]) => [name, shape])).toEqual([
      ['W_enc', [64, 16]],
      ['b_enc', [64]],
      ['W_dec', [64, 16]],
      ['b_dec', [16]],
    ]);
    const W_dec = asFloat32(tensors.get('W_dec') as never);
    for (let i = 0; i < 64; i++) expect(Math.hypot(...W_dec.subarray(16 * i, 16 * i + 16))).toBeCloseTo(1, 5);
  });

  it('states scale, variance and mixing in its statistics', () => {
    const statistics = whole.outputs[0]?.statistics as Record<string, number> & {
      sameDocument: Record<string, number>;
    };
    expect(Number.isInteger(Math.log2(statistics['inputScale'] as number))).toBe(true);
    expect(statistics).toMatchObject({ steps: 40, tokens: 5120, fitRows: 5900, calibRows: 300 });
    const { partners, ideal } = statistics.sameDocument;
    // 5,900 rows, documents of 50: ideal = 127 · 49 / 5,899 = 1.05; all rows lie in one super-buffer, so it is met.
    expect(ideal).toBeCloseTo((127 * 49) / 5899, 1);
    expect(partners).toBeCloseTo(ideal as number, 0);
  });

  it('states how far it has come: steps in which features fired, and how far rows are from their first values', () => {
    const { updates, movement, fit } = whole.outputs[0]?.statistics as {
      readonly updates: { readonly median: number; readonly atLeast100: number };
      readonly movement: { readonly median: number; readonly rows: number };
      readonly fit: { readonly deadFraction: number };
    };
    // 40 steps of 128 rows, 3 of 64 features each: none fires in a hundred steps, the median in most of them.
    expect(updates.atLeast100).toBe(0);
    expect(updates.median).toBeGreaterThan(10);
    expect(updates.median).toBeLessThanOrEqual(40);
    expect(fit.deadFraction).toBeLessThan(0.5);
    expect(movement.rows).toBe(64);
    expect(movement.median).toBeGreaterThan(0.01);
    expect(movement.median).toBeLessThan(2);
  });

  it('is refused before a row is read where a child has no room for it, also behind what makes children patient', async () => {
    const item = planTrainItem({ configs: [trainConfig('a')], snapshot, segments: world.segments });
    const context = await world.context();
    let asked = 0;
    const children = {
      ...context.children,
      call: () => {
        asked++;
        return Promise.reject(new TypeError('not to be asked'));
      },
    };
    const run = (memoryLimitBytes: number): Promise<StageResult> =>
      createTrainingRun()(item, [trainConfig('a')], { ...context, children: { ...children, memoryLimitBytes } });
    await expect(run(2 ** 20)).rejects.toThrow(ResourceError);
    await expect(run(2 ** 20)).rejects.toThrow(
      /^Expected a training that fits the 1 MB of a compute child, found that "a" of 64 features needs \d+ MB\. No number of features fits beside the rows\./,
    );
    expect(asked).toBe(0);
    await expect(run(2 ** 40)).rejects.toThrow('not to be asked');
    expect(asked).toBe(1);
  });

  it('keeps the checkpoint of its last step', async () => {
    const [key] = planTrainItem({ configs: [trainConfig('a')], snapshot, segments: [] }).keys as [string];
    expect((await latestCheckpoint(world.store, key))?.step).toBe(40);
  });

  it('changes with the run seed, the dictionary seed and the snapshot, not with its name', () => {
    const keyOf = (config: TrainConfig, digest = snapshot): string =>
      planTrainItem({ configs: [config], snapshot: digest, segments: [] }).keys[0] as string;
    const base = trainConfig('a');
    expect(keyOf(trainConfig('renamed'))).toBe(keyOf(base));
    const others = [
      trainConfig('a', { seed: 2 }),
      trainConfig('a', { features: 65 }),
      { ...base, keyed: { ...base.keyed, runSeed: 8 } },
    ].map((config) => keyOf(config));
    expect(new Set([keyOf(base), keyOf(base, sha256('other')), ...others]).size).toBe(5);
  });

  it('refuses to share a read between sites', () => {
    const other = trainConfig('b');
    const moved = { ...other, keyed: { ...other.keyed, site: 'blocks.1.hook_resid_post' } };
    expect(() => planTrainItem({ configs: [trainConfig('a'), moved], snapshot, segments: [] })).toThrow(
      /one site.*found a, b of 2 kinds/,
    );
  });
});

describe('a training that cannot go on', () => {
  it('stops at NaN activations, naming step, tensor and site, and keeps the last good checkpoint', async () => {
    const world = await makeWorld(place, SHARDS.slice(0, 1), {
      dtype: 'float32',
      rowsOf: (shard) => {
        const x = makeRows(1, shard.rows);
        x[16 * BAD_ROW] = NaN;
        return x;
      },
    });
    const { keyed, aux } = trainConfig('a', { batchRows: 100, tokens: 100 * 9 });
    const config = { keyed: { ...keyed, dtype: 'float32' as const }, aux };
    const failure = await train(world, [config], { stops: [1] }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(DataError);
    expect((failure as DataError).message).toMatch(
      /^Expected finite numbers in training step [5-9], found NaN or infinity in activations\. The last checkpoint is kept; lower/,
    );
    expect((failure as DataError).details).toMatchObject({
      tensor: 'activations',
      site: 'blocks.0.hook_resid_post',
    });
    const [key] = planTrainItem({ configs: [config], snapshot, segments: [] }).keys as [string];
    expect(await listCheckpointSteps(world.store, key)).toEqual([1]);
  });

  it('names the first tensor that leaves the range when the learning rate is absurd', async () => {
    const world = await makeWorld(place, SHARDS);
    const failure = train(world, [trainConfig('a', { lr: 1e30, warmupSteps: 0 })]);
    await expect(failure).rejects.toThrow(
      /Expected finite numbers in training step [12], found NaN or infinity in (W_enc|b_enc|W_dec|loss)/,
    );
  });

  it('says so when the fit split does not fill a batch, is missing, or the budget is below one batch', async () => {
    const world = await makeWorld(place, SHARDS.slice(0, 1));
    await expect(train(world, [trainConfig('a', { batchRows: 1000, tokens: 5000 })])).rejects.toThrow(
      'Expected at least batchRows = 1000 rows in the fit split, found 900.',
    );
    await expect(train(world, [trainConfig('a', { tokens: 100 })])).rejects.toThrow(
      'at least one batch of 128 rows, found 100',
    );
    const none = await makeWorld(place, SHARDS.slice(2));
    await expect(train(none, [trainConfig('a')])).rejects.toThrow('Expected activations of the fit split');
  });

  it('trains without a calib split, logging fit rows only', async () => {
    const world = await makeWorld(place, SHARDS.slice(0, 2));
    const { result } = await train(world, [trainConfig('a')]);
    const { columns } = await readTable('training', fileOf(result.outputs[0], 'training'));
    expect(new Set(columns.split)).toEqual(new Set(['fit']));
  });
});

describe('the PCA baseline of a site', () => {
  it('is fitted on fit rows, evaluated on test rows, and below the variance of the noise with all directions', async () => {
    const world = await makeWorld(place, SHARDS);
    const baseline = (k: number): Promise<PcaBaseline> =>
      computePcaBaseline({
        store: world.store,
        commits: world.commits,
        width: WIDTH,
        dtype: 'float16',
        k,
      });
    const [none, some, all] = [await baseline(0), await baseline(4), await baseline(WIDTH)];
    expect(some).toMatchObject({ k: 4, fitRows: 5900, testRows: 300 });
    expect(none.fvu).toBeGreaterThan(0.999);
    expect(some.fvu).toBeLessThan(none.fvu);
    expect(some.fvu).toBeGreaterThan(0.1);
    expect(all.fvu).toBeCloseTo(0, 9);
    const [fit] = world.commits;
    await expect(
      computePcaBaseline({
        store: world.store,
        commits: fit ? [fit] : [],
        width: WIDTH,
        dtype: 'float16',
        k: 1,
      }),
    ).rejects.toThrow('found 900 and 0');
  });
});
