// Rows whose mean is a thousand times their deviation, from training over encoding to the metrics: the unexplained share of the
// variance is that of loops in float64 over the same weights.
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { asFloat32, decodeSafetensors, type SafeTensor } from '../../../../core/tensor/safetensors.js';
import { readCounts } from '../../../../stages/encode/counts-file.js';
import { planEncodeItems } from '../../../../stages/encode/plan.js';
import { runEncode } from '../../../../stages/encode/run.js';
import { summariseMetrics } from '../../../../stages/index/metrics.js';
import { SumCollector } from '../../../../stages/index/split-sums.js';
import type { ShardTotals } from '../../../../stages/index/statistics.js';
import type { StageOutput } from '../../../../stages/stage.js';
import { planTrainItem } from '../../../../stages/train/plan.js';
import { createTrainingRun } from '../../../../stages/train/run.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';
import {
  encodeConfig,
  fileOf,
  makeRows,
  makeWorld,
  sha256,
  storeFile,
  trainConfig,
  WIDTH,
  type ShardSpec,
  type World,
} from '../train/harness.js';

const place = temporaryFolder('large-mean');
const [FEATURES, K] = [48, 3];
const SHARDS: readonly ShardSpec[] = [
  { name: 'p-fit-00000', split: 'fit', rows: 4000, seed: 1 },
  { name: 'p-calib-00000', split: 'calib', rows: 700, seed: 2 },
  { name: 'p-test-00000', split: 'test', rows: 1500, seed: 3 },
];
/** The deviation of a column is about 3. */
const MEAN = 3000;
const rowsOf = ({ seed, rows }: ShardSpec): Float32Array =>
  makeRows(seed, rows).map((value, i) => value + MEAN * (1 + (i % WIDTH) / WIDTH));

type Tensors = ReadonlyMap<string, Float32Array>;

/** Σ‖x − x_hat‖² / Σ‖x − x̄‖² by loops. */
function bruteForce(x: Float32Array, weights: Tensors): number {
  const at = (name: string, i: number): number => weights.get(name)?.[i] ?? NaN;
  const rows = x.length / WIDTH;
  const columns = Array.from({ length: WIDTH }, (_, j) => j);
  const mean = columns.map((j) => {
    let sum = 0;
    for (let b = 0; b < rows; b++) sum += x[b * WIDTH + j] as number;
    return sum / rows;
  });
  let [errors, variance] = [0, 0];
  for (let b = 0; b < rows; b++) {
    const row = x.subarray(b * WIDTH, (b + 1) * WIDTH);
    const kept = Array.from({ length: FEATURES }, (_, i) => ({
      i,
      value: columns.reduce(
        (z, j) => z + at('W_enc', i * WIDTH + j) * ((row[j] as number) - at('b_dec', j)),
        at('b_enc', i),
      ),
    }))
      .sort((p, q) => q.value - p.value)
      .slice(0, K);
    for (const j of columns) {
      const hat = kept.reduce(
        (sum, { i, value }) => sum + Math.max(0, value) * at('W_dec', i * WIDTH + j),
        at('b_dec', j),
      );
      errors += (hat - (row[j] as number)) ** 2;
      variance += ((row[j] as number) - (mean[j] as number)) ** 2;
    }
  }
  return errors / variance;
}

describe('rows with a mean a thousand times their deviation', () => {
  let world: World;
  let trained: StageOutput;
  let weights: Tensors;
  beforeAll(async () => {
    world = await makeWorld(place, SHARDS, { dtype: 'float32', rowsOf });
    const { keyed, aux } = trainConfig('a', { features: FEATURES, k: K, tokens: 128 * 200 });
    const config = { keyed: { ...keyed, dtype: 'float32' as const }, aux };
    const item = planTrainItem({ configs: [config], snapshot: sha256('snapshot'), segments: world.segments });
    trained = (await createTrainingRun()(item, [config], await world.context())).outputs[0] as StageOutput;
    const tensors = decodeSafetensors(await readFile(fileOf(trained, 'weights')));
    weights = new Map([...tensors].map(([name, tensor]: [string, SafeTensor]) => [name, asFloat32(tensor)]));
  }, 60_000);

  it('are trained on, and what the log says of calib is what float64 says', () => {
    const { fvu } = trained.statistics['calib'] as { readonly fvu: number };
    expect(fvu).toBeLessThan(0.9);
    expect(Math.abs(fvu / bruteForce(rowsOf(SHARDS[1] as ShardSpec), weights) - 1)).toBeLessThan(1e-5);
  });

  it('have in the metrics of the test split the share that float64 gives', async () => {
    const made = trained.files.find(({ table }) => table === 'weights');
    if (!made) throw new RangeError('no weights');
    const stored = await storeFile(world.store, 'all', made);
    const settings = { name: 'a', architecture: 'topk', features: FEATURES, settings: { k: K } } as const;
    const { keyed, aux } = encodeConfig(stored, settings);
    const config = { keyed: { ...keyed, dtype: 'float32' as const }, aux };
    const item = planEncodeItems(config, world.commits).find(({ shard }) => shard === 'p-test-00000');
    if (!item) throw new RangeError('no test shard');
    const output = (await runEncode(item, config, await world.context())).outputs[0] as StageOutput;
    const totals = { ...output.statistics, split: 'test' } as unknown as ShardTotals;
    const collector = new SumCollector({ shards: [totals], width: WIDTH, features: FEATURES });
    const sizes = { documents: totals.documents, width: WIDTH, features: FEATURES };
    collector.add(totals, await readCounts(fileOf(output, 'counts'), 'test', sizes));
    const metrics = summariseMetrics({ sums: collector.sums, features: FEATURES, key: 'key' }).splits.test;
    const fvu = metrics?.fvu ?? NaN;
    expect(Math.abs(fvu / bruteForce(rowsOf(SHARDS[2] as ShardSpec), weights) - 1)).toBeLessThan(1e-5);
    // The interval too: about zero its denominators would be off by a thousand times the deviation of a resample's mean.
    const [low, high] = metrics?.fvuInterval ?? [NaN, NaN];
    expect(low).toBeLessThan(fvu);
    expect(high).toBeGreaterThan(fvu);
    expect(high - low).toBeLessThan(0.1);
  });
});
