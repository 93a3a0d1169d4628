// A dictionary that reads one site and writes another through the stages: rows of both are zipped by (doc, pos), it resumes to the
// same bytes, and it is encoded with the squares of the target.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { floatsToHalfs, halfsToFloats } from '../../../../core/tensor/half.js';
import { decodeSafetensors } from '../../../../core/tensor/safetensors.js';
import type { BatchRecord, ObjectRecord } from '../../../../schemas/records.js';
import type { EncodeConfig, EncodeInputs } from '../../../../stages/encode/config.js';
import { readCounts } from '../../../../stages/encode/counts-file.js';
import { planEncodeItems } from '../../../../stages/encode/plan.js';
import { runEncode } from '../../../../stages/encode/run.js';
import type { SpoolFile, StageOutput, StageResult, WorkItem } from '../../../../stages/stage.js';
import type { TrainConfig } from '../../../../stages/train/config.js';
import { planTrainItem } from '../../../../stages/train/plan.js';
import { writeRowFile } from '../../../../stages/train/row-file.js';
import { createTrainingRun } from '../../../../stages/train/run.js';
import { selectTrainingData } from '../../../../stages/train/training-data.js';
import { readTable } from '../../../../storage/tables/read.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';
import {
  ENGINE,
  WIDTH,
  fileOf,
  makeRows,
  makeWorld,
  sha256,
  storeFile,
  trainConfig,
  type ShardSpec,
  type World,
} from './harness.js';

const place = temporaryFolder('two-sites');
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
    ...{ dtype, runSeed, engine, sae: { ...sae, skip: true as const } },
    reads: [{ activationsKey: X, site: IN }],
    writes: [{ activationsKey: Y, site: OUT }],
  };
  return { keyed, aux: { name: 't', widths: [WIDTH, D_OUT] } };
}

const snapshot = sha256('both snapshots');
const SITES = [
  { activationsKey: X, site: IN },
  { activationsKey: Y, site: OUT },
];

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

describe('a dictionary that reads one site and writes another', () => {
  let world: World;
  let output: StageOutput;
  beforeAll(async () => {
    world = await makeWorld(place, SHARDS, { further: { [Y]: makeTargets } });
    output = (await train(world)).result.outputs[0] as StageOutput;
  });

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
      ['W_skip', [D_OUT, WIDTH]],
    ]);
    const { inputScale, outputScale } = output.statistics as { inputScale: number[]; outputScale: number[] };
    expect([inputScale.length, outputScale.length]).toEqual([1, 1]);
    expect(inputScale[0]).toBeGreaterThan(outputScale[0] as number);
    expect(bytes.toString('latin1')).toContain('blocks.0.ln2.hook_normalized');
  });

  it('gives the same bytes when stopped and resumed', async () => {
    const other = await makeWorld(place, SHARDS, { further: { [Y]: makeTargets } });
    const { result, links } = await train(other, 60);
    expect(links).toBe(2);
    expect(result.outputs[0]?.files.map((file) => file.sha256)).toEqual(output.files.map((file) => file.sha256));
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

  it('is refused a shard that one site lacks, and not encoded there', () => {
    const commits = world.commits.filter((c) => c.key !== Y || c.shard !== 'p-fit-00001');
    expect(() => selectTrainingData(commits, { sites: SITES, runSeed: 7, snapshot })).toThrow(
      /Expected the same rows of sites blocks\.0\.ln2\.hook_normalized and blocks\.0\.hook_mlp_out, found shard p-fit-00001/,
    );
    expect(planEncodeItems(encodeConfig('w'), commits).map(({ shard }) => shard)).toEqual([
      'p-fit-00000',
      'p-calib-00000',
      'p-test-00000',
    ]);
  });

  it('is refused sites that hold other documents, in training and in encoding', async () => {
    const pair: readonly ShardSpec[] = [
      { name: 'a', split: 'fit', rows: 300, seed: 1 },
      { name: 'b', split: 'fit', rows: 300, seed: 2 },
    ];
    const other = await makeWorld(place, pair, { further: { [Y]: makeTargets } });
    const objectOf = (key: string, shard: string): ObjectRecord =>
      other.commits.find((c) => c.key === key && c.shard === shard)?.objects[0] as ObjectRecord;
    const [x, y] = [objectOf(X, 'a'), objectOf(Y, 'b')];
    const parts = [x, y].map((object) => ({ object: object.key, index: 0, batch: object.batches[0] as BatchRecord }));
    const source = {
      store: other.store,
      table: 'activations' as const,
      objects: new Map([x, y].map((object) => [object.key, object])),
      widths: [WIDTH, D_OUT],
      dtype: 'float16' as const,
      signal: new AbortController().signal,
    };
    const file = path.join(other.folder, 'mixed.rows');
    await expect(writeRowFile(file, [{ rows: 300, shardRows: 300, parts }], source)).rejects.toThrow(
      /Expected the same rows \(doc, pos\) in .*, found others; the two sites were not extracted from the same tokens/,
    );
    const [item] = planEncodeItems(encodeConfig('w'), other.commits);
    const mixed = {
      ...(item as WorkItem<EncodeInputs>),
      inputs: { activations: [[x.sha256], [y.sha256]] },
      aux: { objects: [x, y] },
    };
    await expect(encodeItem(other, output, mixed)).rejects.toThrow(
      `Expected the same rows (doc, pos) of sites ${IN} and ${OUT}, found others`,
    );
  });
});

function encodeConfig(dictionary: string): EncodeConfig {
  return {
    keyed: {
      dictionary,
      activationsKeys: [X, Y],
      dtype: 'float16',
      engine: ENGINE,
    },
    aux: {
      name: 't',
      sites: { names: [IN, OUT], widths: [WIDTH, D_OUT], reads: [0], writes: [1], skip: true as const },
      architecture: 'topk' as const,
      features: FEATURES,
      settings: { k: 3 },
      weights: { key: '', sha256: dictionary, bytes: 0 },
    },
  };
}

async function encode(world: World, trained: StageOutput, shard: string): Promise<readonly StageOutput[]> {
  const item = planEncodeItems(encodeConfig('w'), world.commits).find((planned) => planned.shard === shard);
  return encodeItem(world, trained, item as WorkItem<EncodeInputs>);
}

async function encodeItem(
  world: World,
  trained: StageOutput,
  item: WorkItem<EncodeInputs>,
): Promise<readonly StageOutput[]> {
  const file = trained.files.find(({ table }) => table === 'weights') as SpoolFile;
  const weights = await storeFile(world.store, 'all', file);
  const { keyed, aux } = encodeConfig(weights.sha256);
  return (await runEncode(item, { keyed, aux: { ...aux, weights } }, await world.context())).outputs;
}
