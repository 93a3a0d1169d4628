// SIGKILL of worker, compute child, Temporal and MinIO in every stage: the same digests afterwards, and no more repeated than was in hand.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KeyedRandom } from '../../core/tensor/random.js';
import { startTestMinio, type TestMinio } from '../servers/minio.js';
import { startTestTemporal, type TestTemporal } from '../servers/temporal.js';
import { RUN_STAGES, runWithKills, VICTIMS, type Kill } from './harness/kill-run.js';
import type { ProjectOptions } from './harness/project.js';

let temporal: TestTemporal;
let minio: TestMinio;
let undisturbed: Record<string, string>;

beforeAll(async () => {
  [temporal, minio] = await Promise.all([startTestTemporal(), startTestMinio()]);
  undisturbed = (await runWithKills([], { temporal, minio: null })).digests;
}, 300_000);

afterAll(async () => {
  await Promise.all([temporal.stop(), minio.stop()]);
});

/** Shards that one worker of two slots has in hand at most. */
const IN_HAND = 2 * 2;

describe.each(VICTIMS)('killing %s', (victim) => {
  // Three stages share a run, so that every victim dies in every stage in two runs.
  it.each([
    [RUN_STAGES[0], RUN_STAGES[2], RUN_STAGES[4]],
    [RUN_STAGES[1], RUN_STAGES[3], RUN_STAGES[5]],
  ])(
    'in %s, %s and %s changes no byte',
    async (...stages) => {
      const random = new KeyedRandom('kills', victim, stages.join());
      const kills: Kill[] = stages.map((stage) => ({
        victim,
        stage,
        delayMs: random.nextInt(stage === 'activations' ? 2500 : 900),
      }));
      const options: ProjectOptions =
        victim === 'minio'
          ? {
              store: {
                url: `s3://${minio.bucket}/${stages.join('-')}`,
                options: { endpoint: minio.endpoint, region: 'us-east-1', pathStyle: true },
              },
              env: { AWS_ACCESS_KEY_ID: minio.user, AWS_SECRET_ACCESS_KEY: minio.password },
            }
          : {};
      const outcome = await runWithKills(kills, { temporal, minio }, options);
      // A kill that comes too late proves nothing: at least one of the three must strike.
      expect(outcome.happened.join('\n')).toContain(': killed');
      expect(outcome.digests).toEqual(undisturbed);
      expect(outcome.repeated).toBeLessThanOrEqual(IN_HAND * kills.length);
    },
    300_000,
  );
});
