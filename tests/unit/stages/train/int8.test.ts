// Trainings with candidates in 8 bits through the train stage: the same bytes however they are stopped, before and after the change to
// exact candidates; what the commit says of them; keys; and bytes of trainings without them.
import { describe, expect, it } from 'vitest';
import { IntegerProduct, multipliesExactly } from '../../../../dictionaries/integer-product.js';
import type { StageResult } from '../../../../stages/stage.js';
import type { TrainConfig } from '../../../../stages/train/config.js';
import { planTrainItem } from '../../../../stages/train/plan.js';
import { joinRecalls } from '../../../../stages/train/routed/join-recalls.js';
import { createTrainingRun } from '../../../../stages/train/run.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';
import { ENGINE, makeRows, makeWorld, sha256, trainConfig, type ShardSpec, type World } from './harness.js';

const place = temporaryFolder('int8-train');
const SHARDS: readonly ShardSpec[] = [
  { name: 'p-fit-00000', split: 'fit', rows: 3000, seed: 1 },
  { name: 'p-calib-00000', split: 'calib', rows: 200, seed: 3 },
];
const snapshot = sha256('snapshot');
const STEPS = 90;

const exactHere = await (async () => {
  const product = await IntegerProduct.create(ENGINE);
  const exact = await multipliesExactly((of) => product.multiply(of));
  await product.release();
  return exact;
})();

interface Given {
  readonly config: TrainConfig;
  readonly world: () => Promise<World>;
}

/** 8 bits tell features of 16 numbers apart, and do not tell 4,096 features of two numbers apart. */
const GIVEN: Readonly<Record<'kept' | 'left', Given>> = {
  kept: given(16, { features: 256 }),
  left: given(2, { features: 4096, auxK: 0 }),
};

function given(width: number, own: Partial<TrainConfig['keyed']['sae']>): Given {
  return {
    config: trainConfig('d', { candidates: 'int8', batchRows: 64, tokens: 64 * STEPS, ...own }, width),
    world: () => makeWorld(place, SHARDS, { rowsOf: ({ seed, rows }) => makeRows(seed, rows, width) }),
  };
}

async function train(
  { config, world }: Given,
  { stops = [] }: { readonly stops?: readonly number[] } = {},
): Promise<{ result: StageResult; links: number }> {
  const stored = await world();
  const item = planTrainItem({ configs: [config], snapshot, segments: stored.segments });
  const run = createTrainingRun();
  for (let link = 0; ; link++) {
    const controller = new AbortController();
    const at = stops[link];
    const context = await stored.context({
      stop: controller.signal,
      onProgress: (step) => {
        if (at !== undefined && step >= at) controller.abort();
      },
    });
    const result = await run(item, [config], context);
    if (result.finished) return { result, links: link + 1 };
  }
}

const madeOf = ({ outputs }: StageResult): unknown =>
  outputs.map(({ files, statistics }) => [files.map(({ sha256: digest }) => digest), statistics]);

describe.runIf(exactHere)('a training with candidates in 8 bits', () => {
  it.each(['kept', 'left'] as const)(
    'that is %s gives the same bytes and numbers wherever it stops',
    async (name) => {
      const whole = await train(GIVEN[name]);
      const [output] = whole.result.outputs;
      const candidates = output?.statistics['candidates'] as Record<string, unknown>;
      expect(candidates).toMatchObject(
        name === 'kept'
          ? { proposed: 'int8', exactFrom: null, because: null, measured: 23 * 16 * 3 }
          : { proposed: 'int8', exactFrom: 64, because: 'recall', measured: 16 * 16 * 3 },
      );
      const recall = candidates['recall'] as number;
      if (name === 'kept') expect(recall).toBeGreaterThanOrEqual(0.999);
      else expect(recall).toBeLessThan(0.999);
      // In the window, after it, and after every chunk.
      for (const stops of [[30], [70], Array.from({ length: 120 }, (_, i) => (i === 0 ? 0 : 1))]) {
        const other = await train(GIVEN[name], { stops });
        expect(other.links).toBeGreaterThan(1);
        expect(madeOf(other.result)).toEqual(madeOf(whole.result));
      }
    },
    60_000,
  );
});

it('is refused numbers that are not finite as any training is', async () => {
  const world = (): Promise<World> =>
    makeWorld(place, SHARDS, {
      dtype: 'float32',
      rowsOf: ({ seed, rows }) => makeRows(seed, rows).map((value, i) => (i === 16 * 700 ? NaN : value)),
    });
  const { config } = GIVEN.kept;
  const float32: TrainConfig = { ...config, keyed: { ...config.keyed, dtype: 'float32' } };
  await expect(train({ config: float32, world })).rejects.toThrow(
    /Expected finite numbers in training step \d+, found NaN or infinity in activations\./,
  );
});

describe('recall of experts', () => {
  it('is that of their counts together', () => {
    const each = [
      { proposed: 'int8', recall: 1, measured: 300, missed: 0, exactFrom: null, because: null },
      { proposed: 'int8', recall: 0.99, measured: 100, missed: 1, exactFrom: 64, because: 'recall' },
    ];
    const candidates = { proposed: 'int8', recall: 0.9975, measured: 400, missed: 1, exactExperts: 1 };
    expect(joinRecalls(each)).toEqual({ candidates });
    expect(joinRecalls([undefined, undefined])).toEqual({});
  });
});

describe('a training with exact candidates', () => {
  it('has another key, and says nothing of 8 bits', async () => {
    const { config, world } = GIVEN.kept;
    const { candidates: _, ...sae } = config.keyed.sae;
    const exact: Given = { config: { ...config, keyed: { ...config.keyed, sae } }, world };
    const key = (of: TrainConfig): string | undefined =>
      planTrainItem({ configs: [of], snapshot, segments: [] }).keys[0];
    expect(key(exact.config)).not.toBe(key(config));
    const { result } = await train(exact);
    expect(result.outputs[0]?.statistics).not.toHaveProperty('candidates');
  });
});
