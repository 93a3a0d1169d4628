// Every kind through the train stage: it learns, its tensors are stored in raw units, and those that select over a batch get a threshold
// by which k features fire per calib row. Without calib rows they are refused.
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { kindSettings } from '../../../../core/dictionaries/architecture.js';
import { ARCHITECTURES } from '../../../../core/dictionaries/architectures.js';
import { decodeSafetensors, asFloat32, type SafeTensor } from '../../../../core/tensor/safetensors.js';
import { ARCHITECTURE_NAMES, type ArchitectureName } from '../../../../schemas/dictionaries.js';
import type { StageOutput } from '../../../../stages/stage.js';
import type { TrainConfig } from '../../../../stages/train/config.js';
import { planTrainItem } from '../../../../stages/train/plan.js';
import { createTrainingRun } from '../../../../stages/train/run.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';
import { fileOf, makeWorld, sha256, trainConfig, type ShardSpec, type World } from './harness.js';

const place = temporaryFolder('kinds');
const FEATURES = 32;
const FIT: ShardSpec = { name: 'p-fit-00000', split: 'fit', rows: 2000, seed: 1 };
const CALIB: ShardSpec = { name: 'p-calib-00000', split: 'calib', rows: 300, seed: 2 };
const K = 3;
const OWN: Readonly<Record<ArchitectureName, object>> = {
  topk: { k: K },
  batchtopk: { k: K },
  matryoshka: { k: K, prefixes: [8, 32] },
  relu: { sparsity: 0.02 },
  gated: { sparsity: 0.02 },
  jumprelu: { l0: K, bandwidth: 0.5, threshold: 0.1 },
};

function configOf(architecture: ArchitectureName): TrainConfig {
  const kind = ARCHITECTURES[architecture];
  const { keyed, aux } = trainConfig(architecture, { features: FEATURES, tokens: 128 * 120, lr: 1e-2 });
  const others = Object.fromEntries(Object.keys(kindSettings(keyed.sae)).map((name) => [name, undefined]));
  const auxK = kind.revives ? keyed.sae.auxK : 0;
  return {
    keyed: { ...keyed, sae: { ...keyed.sae, ...others, ...OWN[architecture], architecture, auxK, betas: kind.betas } },
    aux,
  };
}

async function train(world: World, architecture: ArchitectureName): Promise<StageOutput> {
  const config = configOf(architecture);
  const item = planTrainItem({ configs: [config], snapshot: sha256('snapshot'), segments: world.segments });
  const { outputs } = await createTrainingRun()(item, [config], await world.context());
  return outputs[0] as StageOutput;
}

interface Calib {
  readonly l0: number;
  readonly fvu: number;
}

describe.each(ARCHITECTURE_NAMES)('a %s dictionary', (architecture) => {
  let output: StageOutput;
  beforeAll(async () => {
    output = await train(await makeWorld(place, [FIT, CALIB]), architecture);
  }, 120_000);

  it('explains most of the variance of calib rows', () => {
    expect((output.statistics['calib'] as Calib).fvu).toBeLessThan(0.8);
  });

  it('is stored with the tensors of its kind', async () => {
    const tensors = decodeSafetensors(await readFile(fileOf(output, 'weights')));
    const names: Partial<Record<ArchitectureName, string[]>> = {
      gated: ['W_enc', 'b_gate', 'b_mag', 'W_dec', 'b_dec', 'r_mag'],
      jumprelu: ['W_enc', 'b_enc', 'W_dec', 'b_dec', 'threshold'],
      batchtopk: ['W_enc', 'b_enc', 'W_dec', 'b_dec', 'threshold'],
      matryoshka: ['W_enc', 'b_enc', 'W_dec', 'b_dec', 'threshold'],
    };
    expect([...tensors.keys()]).toEqual(names[architecture] ?? ['W_enc', 'b_enc', 'W_dec', 'b_dec']);
  });

  if (ARCHITECTURES[architecture].uses.includes('k') && architecture !== 'topk')
    it('has a threshold by which k features fire per calib row, within a thousandth', async () => {
      const tensors = decodeSafetensors(await readFile(fileOf(output, 'weights')));
      const threshold = asFloat32(tensors.get('threshold') as SafeTensor);
      expect(threshold.length).toBe(1);
      expect(threshold[0]).toBeGreaterThan(0);
      expect(Math.abs((output.statistics['calib'] as Calib).l0 - K) / K).toBeLessThan(1e-3);
    });
});

it('a kind that sets its threshold on calib is refused without calib rows', async () => {
  const world = await makeWorld(place, [FIT]);
  await expect(train(world, 'batchtopk')).rejects.toThrow(
    'Expected rows of the calib split, by which batchtopk sets its threshold, found none.',
  );
});

it('a setting that the trainer cannot do is refused, not passed over', async () => {
  const world = await makeWorld(place, [FIT]);
  const { keyed, aux } = configOf('topk');
  const engine = { ...keyed.engine, provider: 'webgpu' as const };
  const config: TrainConfig = { keyed: { ...keyed, engine, sae: { ...keyed.sae, candidates: 'int8' } }, aux };
  const item = planTrainItem({ configs: [config], snapshot: sha256('snapshot'), segments: world.segments });
  await expect(createTrainingRun()(item, [config], await world.context())).rejects.toThrow(
    'Expected a dictionary without saes.candidates on webgpu, found "int8": it cannot be trained so yet.',
  );
});
