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

/** Shards that one worker of two slots has in hand at most. */
const IN_HAND = 2 * 2;

describe.each(VICTIMS)('killing %s', (victim) => {
  // Four stages share a run, so that every victim dies in every stage in two runs.
  it.each([
    [RUN_STAGES[0], RUN_STAGES[2], RUN_STAGES[4], RUN_STAGES[6]],
    [RUN_STAGES[1], RUN_STAGES[3], RUN_STAGES[5], RUN_STAGES[7]],
  ])(
    'in %s, %s, %s and %s changes no byte',
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
