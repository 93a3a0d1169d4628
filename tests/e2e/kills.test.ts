// SIGKILL of worker, compute child, Temporal and MinIO in every stage: the same digests afterwards, and no more repeated than was in hand.
import { beforeAll, describe, expect, it } from 'vitest';
import { KeyedRandom } from '../../core/tensor/random.js';
import { EVALUATED, RUN_STAGES, runWithKills, VICTIMS, type Kill, type RunStage } from './harness/kill-run.js';
import { onMinio } from './harness/project.js';
import { useScene } from './harness/scene.js';

const scene = useScene({ minio: true });
let undisturbed: Readonly<Record<'plain' | 'evaluated', Record<string, string>>>;

beforeAll(async () => {
  const servers = { temporal: scene.temporal, minio: null };
  const [plain, evaluated] = [await runWithKills([], servers), await runWithKills([], servers, EVALUATED)];
  undisturbed = { plain: plain.digests, evaluated: evaluated.digests };
}, 300_000);

/** Latest time of a kill after its stage began, where it is another than 700 ms: the corpus is read in little more than a second. */
const MOST_MS: Partial<Record<RunStage, number>> = { corpus: 300, activations: 1800 };

const GROUPS: readonly RunStage[][] = [
  ['corpus', 'activations', 'encode', 'profile'],
  ['tokens', 'train', 'index', 'label'],
  ['evaluate'],
];

/** Shards that one worker of two slots has in hand at most. */
const IN_HAND = 2 * 2;

it('kills strike in every stage', () => {
  expect(GROUPS.flat().sort()).toEqual([...RUN_STAGES].sort());
});

describe.each(VICTIMS)('killing %s', (victim) => {
  // Stages that follow each other share a run; an evaluation has one of its own.
  it.each(GROUPS.map((stages) => [stages] as const))(
    'in %j changes no byte',
    async (stages) => {
      const random = new KeyedRandom('kills', victim, stages.join());
      const kills: Kill[] = stages.map((stage) => ({
        victim,
        stage,
        delayMs: random.nextInt(MOST_MS[stage] ?? 700),
      }));
      const { temporal, minio } = scene;
      const evaluated = stages.includes('evaluate');
      const outcome = await runWithKills(
        kills,
        { temporal, minio },
        { ...(evaluated && EVALUATED), ...(victim === 'minio' && onMinio(minio, stages.join('-'))) },
      );
      // A kill that comes too late proves nothing: all must strike.
      expect(outcome.happened.filter((what) => !what.endsWith(': killed'))).toEqual([]);
      expect(outcome.happened).toHaveLength(kills.length);
      expect(outcome.digests).toEqual(evaluated ? undisturbed.evaluated : undisturbed.plain);
      expect(outcome.repeated).toBeLessThanOrEqual(IN_HAND * kills.length);
    },
    300_000,
  );
});
