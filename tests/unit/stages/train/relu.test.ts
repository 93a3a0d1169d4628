// A relu dictionary through the stages: trained, encoded (a dense selection), indexed, its strongest examples looked up.
import path from 'node:path';
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { floatsToHalfs, halfToFloat, halfsToFloats } from '../../../../core/tensor/half.js';
import { asFloat32, decodeSafetensors, type SafeTensor } from '../../../../core/tensor/safetensors.js';
import type { Commit } from '../../../../schemas/records.js';
import { planEncodeItems } from '../../../../stages/encode/plan.js';
import { runEncode } from '../../../../stages/encode/run.js';
import type { StageOutput } from '../../../../stages/stage.js';
import type { TrainConfig } from '../../../../stages/train/config.js';
import { planTrainItem } from '../../../../stages/train/plan.js';
import { createTrainingRun } from '../../../../stages/train/run.js';
import { readTable } from '../../../../storage/tables/read.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';
import { TableWriter } from '../../../../storage/tables/table-writer.js';
import { runIndex } from '../index/run-index.js';
import {
  WIDTH,
  encodeConfig,
  fileOf,
  makeRows,
  makeWorld,
  sha256,
  storeFile,
  trainConfig,
  type ShardSpec,
  type World,
} from './harness.js';

const place = temporaryFolder('relu');
const FEATURES = 48;
const SHARDS: readonly ShardSpec[] = [
  { name: 'p-fit-00000', split: 'fit', rows: 3000, seed: 1 },
  { name: 'p-calib-00000', split: 'calib', rows: 200, seed: 2 },
  { name: 'p-test-00000', split: 'test', rows: 400, seed: 3 },
];
const SPARSITY = 0.02;

function reluConfig(): TrainConfig {
  const { keyed, aux } = trainConfig('r', { features: FEATURES, auxK: 0, tokens: 128 * 300, lr: 3e-3 });
  const { k: _, ...sae } = keyed.sae;
  return { keyed: { ...keyed, sae: { ...sae, architecture: 'relu', sparsity: SPARSITY } }, aux };
}

describe('a relu dictionary', () => {
  let world: World;
  let trained: StageOutput;
  let encoded: { readonly output: StageOutput; readonly commit: Commit }[];
  const weights = new Map<string, Float32Array>();

  beforeAll(async () => {
    world = await makeWorld(place, SHARDS);
    const config = reluConfig();
    const item = planTrainItem({ configs: [config], snapshot: sha256('snapshot'), segments: world.segments });
    const result = await createTrainingRun()(item, [config], await world.context());
    trained = result.outputs[0] as StageOutput;
    encoded = await encodeAll(world, trained);
    for (const [name, tensor] of decodeSafetensors(await readFile(fileOf(trained, 'weights'))))
      weights.set(name, asFloat32(tensor));
  });

  it('learns, with its penalty in the loss, and keeps rows of its own norms', async () => {
    const { columns } = await readTable('training', fileOf(trained, 'training'));
    const calib = [...columns.fvu].filter((_, i) => columns.split[i] === 'calib');
    expect(calib.at(-1)).toBeLessThan(0.5 * (calib[0] as number));
    const { variance } = trained.statistics as { variance: number };
    const last = columns.split.lastIndexOf('fit');
    // loss = Σ‖e‖²/(B V) + sparsity, so it is above the reconstruction alone, which is about FVU · spread / V.
    expect(columns.loss[last]).toBeGreaterThan((columns.fvu[last] as number) * 0.9);
    expect(variance).toBeGreaterThan(0);
    const W_dec = weights.get('W_dec') as Float32Array;
    const norms = Array.from({ length: FEATURES }, (_, i) => Math.hypot(...W_dec.subarray(WIDTH * i, WIDTH * (i + 1))));
    expect(Math.max(...norms) - Math.min(...norms)).toBeGreaterThan(0.05);
    const { metadata } = headerOf(await readFile(fileOf(trained, 'weights')));
    expect(metadata).toMatchObject({ architecture: 'relu', sparsity: String(SPARSITY) });
    expect(metadata).not.toHaveProperty('k');
  });

  it('is encoded as relu(W_enc (x − b_dec) + b_enc) of the stored weights, more firings than a topk would have', async () => {
    const { columns } = await readTable('acts', fileOf(encoded[2]?.output, 'acts'));
    const x = halfsToFloats(floatsToHalfs(makeRows(3, 400)));
    const at = (name: string, i: number): number => weights.get(name)?.[i] ?? NaN;
    for (let row = 0; row < 400; row++) {
      const z = Array.from({ length: FEATURES }, (_, i) => {
        let sum = at('b_enc', i);
        for (let j = 0; j < WIDTH; j++)
          sum += at('W_enc', i * WIDTH + j) * ((x[row * WIDTH + j] ?? 0) - at('b_dec', j));
        return sum;
      });
      const [from, to] = [columns.features.offsets[row] ?? 0, columns.features.offsets[row + 1] ?? 0];
      const fired = new Map(
        [...columns.features.feature.subarray(from, to)].map((id, i) => [id, columns.features.value[from + i] ?? 0]),
      );
      z.forEach((value, i) => {
        if (Math.abs(value) < 1e-5) return; // its sign is rounding's
        expect(fired.has(i)).toBe(value > 0);
        if (value > 0) expect(halfToFloat(fired.get(i) ?? 0)).toBeCloseTo(value, 2);
      });
    }
    expect(columns.features.feature.length / 400).toBeGreaterThan(3);
  });

  it('has top examples, counts and metrics in its index that are those of its acts', async () => {
    const tokens = await tokenCommits(world);
    const shape = { features: FEATURES, k: 4, contextTokens: 64, packing: 'document' };
    const dataset = { ...world, width: WIDTH, shape, encoded: encoded.map(({ commit }) => commit), tokens };
    const outputs = await runIndex(dataset as unknown as Parameters<typeof runIndex>[0]);
    const range = [...outputs.values()].find(({ files }) => files.some(({ table }) => table === 'top'));
    const { columns: features } = await readTable('features', fileOf(range, 'features'));
    const { columns: top } = await readTable('top', fileOf(range, 'top'));
    const counts = new Array<number>(FEATURES).fill(0);
    const largest = new Array<number>(FEATURES).fill(0);
    for (const { output } of encoded) {
      const { columns } = await readTable('acts', fileOf(output, 'acts'));
      columns.features.feature.forEach((id, i) => {
        counts[id] = (counts[id] ?? 0) + 1;
        largest[id] = Math.max(largest[id] ?? 0, halfToFloat(columns.features.value[i] ?? 0));
      });
    }
    expect(Array.from(features.n, Number)).toEqual(counts);
    expect([...features.max].map((max, i) => ((counts[i] ?? 0) > 0 ? max : 0))).toEqual(largest);
    expect(top.feature.length).toBe(FEATURES);
    const { metrics } = outputs.get('metrics')?.statistics as {
      metrics: { splits: { test: { rows: number; fvu: number } } };
    };
    expect(metrics.splits.test.rows).toBe(400);
    expect(metrics.splits.test.fvu).toBeLessThan(0.5);
  });
});

function headerOf(bytes: Uint8Array): { metadata: Record<string, string> } {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Record<string, SafeTensor>;
  return { metadata: header['__metadata__'] as unknown as Record<string, string> };
}

/** Every shard encoded, with the commit that would be stored for it. */
async function encodeAll(world: World, trained: StageOutput): Promise<{ output: StageOutput; commit: Commit }[]> {
  const file = trained.files.find(({ table }) => table === 'weights');
  if (!file) throw new Error('no weights');
  const stored = await storeFile(world.store, 'all', file);
  const settings = { sparsity: SPARSITY };
  const config = encodeConfig(stored, { name: 'r', architecture: 'relu', features: FEATURES, settings });
  const encoded: { output: StageOutput; commit: Commit }[] = [];
  for (const [i, item] of planEncodeItems(config, world.commits).entries()) {
    const { outputs } = await runEncode(item, config, await world.context());
    const output = outputs[0] as StageOutput;
    const objects = [];
    for (const made of output.files) objects.push(await storeFile(world.store, item.shard, made));
    const base = world.commits[i] as Commit;
    encoded.push({
      output,
      commit: { ...base, stage: 'encode', key: output.key, objects, statistics: output.statistics },
    });
  }
  return encoded;
}

/** Tokens of the harness's documents: 50 each, all with the id 7. */
async function tokenCommits(world: World): Promise<Commit[]> {
  const commits: Commit[] = [];
  for (const [number, commit] of world.commits.entries()) {
    const rows = SHARDS[number]?.rows ?? 0;
    const documents = rows / 50;
    const file = path.join(world.folder, `${commit.shard}.tokens.arrow`);
    const metadata = { tokenizer: 't', split: commit.split ?? '', key: sha256('tokens') };
    const writer = await TableWriter.open({ table: 'tokens', path: file, shard: commit.shard, metadata });
    await writer.write({
      doc: Uint32Array.from({ length: documents }, (_, d) => number * 1000 + d),
      offsets: Uint32Array.from({ length: documents + 1 }, (_, d) => 50 * d),
      ids: new Uint32Array(rows).fill(7),
      starts: Uint32Array.from({ length: rows }, (_, i) => i % 50),
      ends: Uint32Array.from({ length: rows }, (_, i) => (i % 50) + 1),
    });
    const objects = [];
    for (const made of await writer.finish())
      objects.push(await storeFile(world.store, commit.shard, { ...made, extension: 'arrow' }));
    commits.push({ ...commit, stage: 'tokens', key: sha256('tokens'), objects, statistics: { rows } });
  }
  return commits;
}
