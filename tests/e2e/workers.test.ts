// The number of workers and the kind of store change no byte of any dataset.
import { expect, it } from 'vitest';
import { onMinio, type ProjectOptions } from './harness/project.js';
import { succeeded, useScene } from './harness/scene.js';

const scene = useScene({ minio: true });

async function digestsWith(workers: number, options: ProjectOptions = {}): Promise<Record<string, string>> {
  const project = await scene.project({ run: { evaluation: { resamples: 20 } }, ...options });
  await Promise.all(Array.from({ length: workers }, () => scene.worker(project)));
  try {
    succeeded(await project.assay('run', 'run.yaml', '--follow'));
    return await project.digests();
  } finally {
    await scene.clear();
  }
}

it('1, 2 and 3 workers, a folder and MinIO give the same digests', async () => {
  const one = await digestsWith(1);
  expect(Object.keys(one)).toEqual(expect.arrayContaining(['small/sae/labels', 'small/sae/evaluation']));
  expect(Object.keys(one)).toHaveLength(18);
  expect(await digestsWith(2)).toEqual(one);
  expect(await digestsWith(3)).toEqual(one);
  expect(await digestsWith(2, onMinio(scene.minio, 'runs'))).toEqual(one);
}, 400_000);
