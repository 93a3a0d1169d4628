// A dictionary that reads one site and writes another through the stages: rows of both are zipped by (doc, pos), it resumes to the
// same bytes, and it is encoded with the squares of the target. The kind is a test's own, beside the table's.
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { floatsToHalfs, halfsToFloats } from '../../../../core/tensor/half.js';
import { decodeSafetensors } from '../../../../core/tensor/safetensors.js';
import type { EncodeConfig } from '../../../../stages/encode/config.js';
import { readCounts } from '../../../../stages/encode/counts-file.js';
import { planEncodeItems } from '../../../../stages/encode/plan.js';
import { runEncode } from '../../../../stages/encode/run.js';
import type { StageOutput, StageResult } from '../../../../stages/stage.js';
import type { TrainConfig } from '../../../../stages/train/config.js';
import { planTrainItem } from '../../../../stages/train/plan.js';
import { createTrainingRun } from '../../../../stages/train/run.js';
import { readTable } from '../../../../storage/tables/read.js';
import { WIDTH, makeRows, makeWorld, sha256, storeFile, trainConfig, type ShardSpec, type World } from './harness.js';

vi.mock('../../../../core/dictionaries/architectures.js', async (original) => {
  const { transcoder } = await import('../../core/dictionaries/transcoder-kind.js');
  const { ARCHITECTURES } = await original<typeof import('../../../../core/dictionaries/architectures.js')>();
  return { ARCHITECTURES: { ...ARCHITECTURES, transcoder } };
});

const D_OUT = 6;
const FEATURES = 32;
const [X, Y] = [sha256('activations'), sha256('activations of y')];
const [IN, OUT] = ['blocks.0.ln2.hook_normalized', 'blocks.0.hook_mlp_out'];
const SHARDS: readonly ShardSpec[] = [
  { name: 'p-fit-00000', split: 'fit', rows: 2500, seed: 1 },
  { name: 'p-fit-00001', split: 'fit', rows: 1000, seed: 2 },
  { name: 'p-calib-00000', split: 'calib', rows: 200, seed: 3 },
  { name: 'p-test-00000', split: 'test', rows: 300, seed: 4 },
];

/** y: a fixed map of x, eight times as large, of another width. */
function makeTargets({ seed, rows }: ShardSpec): Float32Array {
  const x = makeRows(seed, rows);
  return Float32Array.from({ length: rows * D_OUT }, (_, i) => {
    const [row, o] = [Math.floor(i / D_OUT), i % D_OUT];
    const sum = x.subarray(row * WIDTH, (row + 1) * WIDTH).reduce((s, v, j) => s + v * Math.cos(o + 2 * j), 0);
    return 8 * (Math.tanh(sum) + 0.3);
  });
}

function config(): TrainConfig {
  const { dtype, runSeed, engine, sae } = trainConfig('t', { features: FEATURES, tokens: 128 * 200, lr: 1e-2 }).keyed;
  const keyed = {
    ...{ dtype, runSeed, engine, sae: { ...sae, architecture: 'transcoder' as 'topk' } },
    reads: [{ activationsKey: X, site: IN }],
    writes: [{ activationsKey: Y, site: OUT }],
  };
  return { keyed, aux: { name: 't', widths: [WIDTH, D_OUT] } };
}

const snapshot = sha256('both snapshots');

async function train(world: World, stopAt = Infinity): Promise<{ result: StageResult; links: number }> {
  const settings = config();
  const item = planTrainItem({ configs: [settings], snapshot, segments: world.segments });
  for (let links = 1; ; links++) {
    const controller = new AbortController();
    const context = await world.context({
      stop: controller.signal,
      onProgress: (step) => {
        if (links === 1 && step >= stopAt) controller.abort();
      },
    });
    const result = await createTrainingRun()(item, [settings], context);
    if (result.finished) return { result, links };
  }
}

const fileOf = (output: StageOutput | undefined, table: string): string =>
  output?.files.find((file) => file.table === table)?.path ?? '';

describe('a dictionary that reads one site and writes another', () => {
  let world: World;
  let output: StageOutput;
  beforeAll(async () => {
    world = await makeWorld(SHARDS, { further: { [Y]: makeTargets } });
    output = (await train(world)).result.outputs[0] as StageOutput;
  });
  afterAll(() => world.close());

  it('learns y from x, and stores tensors of both widths in raw units', async () => {
    const { columns } = await readTable('training', fileOf(output, 'training'));
    const calib = [...columns.fvu].filter((_, i) => columns.split[i] === 'calib');
    expect(calib.at(-1)).toBeLessThan(0.4 * (calib[0] as number));
    const bytes = await readFile(fileOf(output, 'weights'));
    expect([...decodeSafetensors(bytes)].map(([name, { shape }]) => [name, shape])).toEqual([
      ['W_enc', [FEATURES, WIDTH]],
      ['b_enc', [FEATURES]],
      ['W_dec', [FEATURES, D_OUT]],
      ['b_dec', [D_OUT]],
      ['b_in', [WIDTH]],
      ['W_skip', [D_OUT, WIDTH]],
    ]);
    const { inputScale, outputScale } = output.statistics as { inputScale: number[]; outputScale: number[] };
    expect([inputScale.length, outputScale.length]).toEqual([1, 1]);
    expect(inputScale[0]).toBeGreaterThan(outputScale[0] as number);
    expect(bytes.toString('latin1')).toContain('blocks.0.ln2.hook_normalized');
  });

  it('gives the same bytes when stopped and resumed', async () => {
    const other = await makeWorld(SHARDS, { further: { [Y]: makeTargets } });
    const { result, links } = await train(other, 60);
    expect(links).toBe(2);
    expect(result.outputs[0]?.files.map((file) => file.sha256)).toEqual(output.files.map((file) => file.sha256));
    await other.close();
  });

  it('is encoded with x_sq, err_sq and Σx of the target', async () => {
    const [encoded] = await encode(world, output, 'p-test-00000');
    const { columns } = await readTable('acts', fileOf(encoded, 'acts'));
    const y = halfsToFloats(floatsToHalfs(makeTargets(SHARDS[3] as ShardSpec)));
    let [error, square] = [0, 0];
    columns.xSq.forEach((xSq, row) => {
      const want = y.subarray(row * D_OUT, (row + 1) * D_OUT).reduce((sum, v) => sum + v * v, 0);
      expect(Math.abs(xSq - want)).toBeLessThan(1e-4 * want);
      error += columns.errSq[row] ?? NaN;
      square += xSq;
    });
    expect(error / square).toBeLessThan(0.5);
    const shape = { documents: 6, width: D_OUT, features: FEATURES };
    const { sumX } = await readCounts(fileOf(encoded, 'counts'), 'p-test-00000', shape);
    sumX.forEach((sum, o) => {
      const want = y.filter((_, i) => i % D_OUT === o).reduce((a, b) => a + b, 0);
      expect(sum).toBeCloseTo(want, 2);
    });
  });

  it('is refused rows of two sites that are not the same, in training and in encoding', async () => {
    // Other rows of the same number: the permutation is keyed by the shard, documents by its number, so other numbers are other rows.
    const other = await makeWorld(SHARDS, {
      further: { [Y]: (shard) => makeTargets({ ...shard, rows: shard.rows - 50 }) },
    }).catch((error: unknown) => error);
    // The harness writes as many rows as the shard has: it cannot even store others.
    expect(other).toBeInstanceOf(Error);
    const missing = await makeWorld(SHARDS, { further: { [Y]: makeTargets } });
    const half = {
      ...missing,
      segments: world.segments,
      commits: missing.commits.filter((c) => !(c.key === Y && c.shard === 'p-fit-00001')),
    };
    const { selectTrainingData } = await import('../../../../stages/train/training-data.js');
    const sites = [
      { activationsKey: X, site: IN },
      { activationsKey: Y, site: OUT },
    ];
    expect(() => selectTrainingData(half.commits, { sites, runSeed: 7, snapshot })).toThrow(
      /Expected the same rows of sites blocks\.0\.ln2\.hook_normalized and blocks\.0\.hook_mlp_out, found shard p-fit-00001/,
    );
    expect(planEncodeItems(encodeConfig('w'), half.commits).map(({ shard }) => shard)).not.toContain('p-fit-00001');
    await missing.close();
  });
});

function encodeConfig(dictionary: string): EncodeConfig {
  return {
    keyed: {
      dictionary,
      activationsKeys: [X, Y],
      dtype: 'float16',
      engine: { ort: '1.30.0', provider: 'cpu', threads: 1, optimisation: 'all' },
    },
    aux: {
      name: 't',
      sites: { names: [IN, OUT], widths: [WIDTH, D_OUT], reads: [0], writes: [1] },
      architecture: 'transcoder' as 'topk',
      features: FEATURES,
      settings: { k: 3 },
      weights: { key: '', sha256: dictionary, bytes: 0 },
    },
  };
}

async function encode(world: World, trained: StageOutput, shard: string): Promise<readonly StageOutput[]> {
  const file = trained.files.find(({ table }) => table === 'weights');
  if (!file) throw new Error('no weights');
  const weights = await storeFile(world.store, 'all', file);
  const { keyed, aux } = encodeConfig(weights.sha256);
  const config = { keyed, aux: { ...aux, weights } };
  const item = planEncodeItems(config, world.commits).find((planned) => planned.shard === shard);
  if (!item) throw new Error('no item');
  return (await runEncode(item, config, await world.context())).outputs;
}
