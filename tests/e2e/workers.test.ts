// The number of workers and the kind of store change no byte of any dataset.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestMinio, type TestMinio } from '../servers/minio.js';
import { startTestTemporal, type TestTemporal } from '../servers/temporal.js';
import { createProject, type ProjectOptions } from './harness/project.js';
import { startTestWorker } from './harness/worker.js';

let temporal: TestTemporal;
let minio: TestMinio;

beforeAll(async () => {
  [temporal, minio] = await Promise.all([startTestTemporal(), startTestMinio()]);
}, 120_000);

afterAll(async () => {
  await Promise.all([temporal.stop(), minio.stop()]);
});

async function digestsWith(workers: number, options: ProjectOptions = {}): Promise<Record<string, string>> {
  const project = await createProject({ ...options, address: temporal.address });
  const started = await Promise.all(
    Array.from({ length: workers }, () => startTestWorker(project, { address: temporal.address })),
  );
  try {
    const result = await project.assay('run', 'run.yaml', '--follow');
    expect(result.stderr).not.toContain('failed');
    expect(result.code).toBe(0);
    return await project.digests();
  } finally {
    await Promise.all(started.map((worker) => worker.stop()));
    await project.remove();
  }
}

it('1, 2 and 3 workers, a folder and MinIO give the same digests', async () => {
  const one = await digestsWith(1);
  expect(Object.keys(one)).toHaveLength(11);
  expect(await digestsWith(2)).toEqual(one);
  expect(await digestsWith(3)).toEqual(one);
  const { endpoint, bucket, user, password } = minio;
  const onMinio = await digestsWith(2, {
    store: {
      url: `s3://${bucket}/runs`,
      options: { endpoint, region: 'us-east-1', pathStyle: true },
    },
    env: { AWS_ACCESS_KEY_ID: user, AWS_SECRET_ACCESS_KEY: password },
  });
  expect(onMinio).toEqual(one);
}, 400_000);
