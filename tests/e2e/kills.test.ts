// SIGKILL of worker, compute child, Temporal and MinIO in every stage: the same digests afterwards, and no more repeated than was in hand.
import { beforeAll, describe, expect, it } from 'vitest';
import { KeyedRandom } from '../../core/tensor/random.js';
import { RUN_STAGES, runWithKills, VICTIMS, type Kill, type RunStage } from './harness/kill-run.js';
import { onMinio } from './harness/project.js';
import { useScene } from './harness/scene.js';

const scene = useScene({ minio: true });
let undisturbed: Record<string, string>;

beforeAll(async () => {
  undisturbed = (await runWithKills([], { temporal: scene.temporal, minio: null })).digests;
}, 300_000);

/** Latest time of a kill after its stage began, where it is another than 700 ms: the corpus is read in little more than a second. */
const MOST_MS: Partial<Record<RunStage, number>> = { corpus: 300, activations: 1800 };

const GROUPS: readonly RunStage[][] = [
  ['corpus', 'activations', 'evaluate', 'profile'],
  ['tokens', 'train', 'encode', 'index', 'label'],
];

/** Shards that one worker of two slots has in hand at most. */
const IN_HAND = 2 * 2;

it('kills strike in every stage', () => {
  expect(GROUPS.flat().sort()).toEqual([...RUN_STAGES].sort());
});

describe.each(VICTIMS)('killing %s', (victim) => {
  // Stages that follow each other share a run, so that every victim dies in every stage in two runs; evaluation runs beside the index.
  it.each(GROUPS)(
    'in %s, %s, %s, %s … changes no byte',
    async (...stages) => {
      const random = new KeyedRandom('kills', victim, stages.join());
      const kills: Kill[] = stages.map((stage) => ({
        victim,
        stage,
        delayMs: random.nextInt(MOST_MS[stage] ?? 700),
      }));
      const { temporal, minio } = scene;
      const outcome = await runWithKills(
        kills,
        { temporal, minio },
        victim === 'minio' ? onMinio(minio, stages.join('-')) : {},
      );
      // A kill that comes too late proves nothing: all must strike.
      expect(outcome.happened.filter((what) => !what.endsWith(': killed'))).toEqual([]);
      expect(outcome.happened).toHaveLength(kills.length);
      expect(outcome.digests).toEqual(undisturbed);
      expect(outcome.repeated).toBeLessThanOrEqual(IN_HAND * kills.length);
    },
    300_000,
  );
});
