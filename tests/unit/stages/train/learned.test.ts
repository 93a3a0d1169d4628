// A dictionary of experts with a learned router through the train stage: it learns, its experts share the rows, it resumes to the same
// bytes, and it is encoded as it was measured in training.
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { oneSite } from '../../../../core/dictionaries/sites.js';
import { decodeSafetensors } from '../../../../core/tensor/safetensors.js';
import { planEncodeItems } from '../../../../stages/encode/plan.js';
import { runEncode } from '../../../../stages/encode/run.js';
import type { StageOutput } from '../../../../stages/stage.js';
import { planTrainItem } from '../../../../stages/train/plan.js';
import { createTrainingRun } from '../../../../stages/train/run.js';
import { readTable } from '../../../../storage/tables/read.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';
import { WIDTH, encodeConfig, fileOf, makeWorld, sha256, storeFile, trainConfig, type ShardSpec, type World } from './harness.js'; // prettier-ignore

const place = temporaryFolder('learned');
const [EXPERTS, FEATURES] = [4, 64];
const EACH = FEATURES / EXPERTS;
const SITE = 'blocks.0.hook_resid_post';
const SHARDS: readonly ShardSpec[] = [
  { name: 'p-fit-00000', split: 'fit', rows: 3000, seed: 1 },
  { name: 'p-calib-00000', split: 'calib', rows: 600, seed: 3 },
  { name: 'p-test-00000', split: 'test', rows: 400, seed: 4 },
];

const routed = { experts: EXPERTS, kind: 'learned' as const, balance: 0.05 };
const config = trainConfig('l', { features: FEATURES, tokens: 300 * 128, routed, lr: 1e-2 });

async function train(world: World, stopAt = Infinity): Promise<{ output: StageOutput; links: number }> {
  const item = planTrainItem({ configs: [config], snapshot: sha256('snapshot'), segments: world.segments });
  for (let links = 1; ; links++) {
    const controller = new AbortController();
    const context = await world.context({
      stop: controller.signal,
      onProgress: (step) => {
        if (links === 1 && step >= stopAt) controller.abort();
      },
    });
    const { finished, outputs } = await createTrainingRun()(item, [config], context);
    if (finished) return { output: outputs[0] as StageOutput, links };
  }
}

describe('a dictionary of experts with a learned router', () => {
  let world: World;
  let output: StageOutput;
  beforeAll(async () => {
    world = await makeWorld(place, SHARDS);
    ({ output } = await train(world));
  }, 60_000);

  it('learns, and stores its router beside the tensors of one dictionary', async () => {
    const { columns } = await readTable('training', fileOf(output, 'training'));
    const calib = [...columns.fvu].filter((_, i) => columns.split[i] === 'calib');
    expect(calib.at(-1)).toBeLessThan(0.6 * (calib[0] as number));
    const bytes = await readFile(fileOf(output, 'weights'));
    expect([...decodeSafetensors(bytes)].map(([name, { shape }]) => [name, shape])).toEqual([
      ['W_enc', [FEATURES, WIDTH]],
      ['b_enc', [FEATURES]],
      ['W_dec', [FEATURES, WIDTH]],
      ['b_dec', [WIDTH]],
      ['W_router', [EXPERTS, WIDTH]],
      ['b_router', [WIDTH]],
    ]);
    expect(bytes.toString('latin1')).toContain('"routed":"learned"');
  });

  it('gives the same bytes when stopped and resumed', async () => {
    const { output: again, links } = await train(await makeWorld(place, SHARDS), 60);
    expect(links).toBe(2);
    expect(again.files.map((file) => file.sha256)).toEqual(output.files.map((file) => file.sha256));
  });

  it('is encoded with features of one expert per row, all experts in use, and the error that it was measured with', async () => {
    const file = output.files.find(({ table }) => table === 'weights');
    const weights = await storeFile(world.store, 'all', file as StageOutput['files'][number]);
    const base = encodeConfig(weights, { name: 'l', architecture: 'topk', features: FEATURES, settings: { k: 3 } });
    const encoding = { ...base, aux: { ...base.aux, sites: { names: [SITE], ...oneSite(WIDTH), routed } } };
    const item = planEncodeItems(encoding, world.commits).find(({ shard }) => shard === 'p-calib-00000');
    const { outputs } = await runEncode(item as NonNullable<typeof item>, encoding, await world.context());
    const { columns } = await readTable('acts', fileOf(outputs[0], 'acts'));
    const { offsets, feature } = columns.features;
    const rowsOf = new Map<number, number>();
    for (let row = 0; row < columns.doc.length; row++) {
      const own = [...feature.subarray(offsets[row], offsets[row + 1])].map((id) => Math.floor(id / EACH));
      expect(new Set(own).size).toBe(1);
      rowsOf.set(own[0] as number, (rowsOf.get(own[0] as number) ?? 0) + 1);
    }
    expect(rowsOf.size).toBe(EXPERTS);
    expect(Math.max(...rowsOf.values())).toBeLessThan((2 * 600) / EXPERTS);
    const { columns: log } = await readTable('training', fileOf(output, 'training'));
    const last = log.split.lastIndexOf('calib');
    const variance = output.statistics['variance'] as number;
    const scale = output.statistics['inputScale'] as number;
    const error = columns.errSq.reduce((a, b) => a + b, 0) * scale * scale;
    expect(error / (600 * variance)).toBeCloseTo(log.loss[last] as number, 4);
  });

  it('is refused what the graph does not train', async () => {
    const item = (sae: object) => {
      const other = { ...config, keyed: { ...config.keyed, sae: { ...config.keyed.sae, ...sae } } };
      return { item: planTrainItem({ configs: [other], snapshot: sha256('s'), segments: world.segments }), other };
    };
    const { item: planned, other } = item({ moments: 'row' as const });
    await expect(createTrainingRun()(planned, [other], await world.context())).rejects.toThrow(
      'Expected a dictionary without saes.moments with a learned router, found "row": it cannot be trained so yet. Remove moments.',
    );
  });
});
