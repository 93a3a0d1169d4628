// The commit path on a real S3 server, ended at every point.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CRASH_STEPS } from '../../storage/objects/crash-points.js';
import { openStore } from '../../storage/objects/open-store.js';
import { crashEverywhere } from '../crash/crash-everywhere.js';
import { temporaryFolder } from '../harness/temporary-folder.js';
import { startTestMinio, useCredentials, type TestMinio } from '../servers/minio.js';

const folder = temporaryFolder('minio-crash');
let minio: TestMinio;

beforeAll(async () => {
  minio = await startTestMinio();
  useCredentials(minio);
}, 90_000);

afterAll(() => minio.stop());

describe('the commit path on MinIO', () => {
  it('gives the same data after a kill before and after every step, whenever it is passed', async () => {
    const { endpoint, bucket } = minio;
    const url = (name: string): string => `s3://${bucket}/${name}`;
    const open = (name: string) => openStore(url(name), { storeOptions: { endpoint } });
    const passed = await crashEverywhere({ folder, url, open, endpoint });
    // Files are the other driver's; an object's age cannot be set on a server.
    const steps = CRASH_STEPS.filter((step) => !step.startsWith('file.') && step !== 'data.touch');
    const all = steps.flatMap((step) => [`${step}.before`, `${step}.after`]);
    expect(all.filter((point) => !passed.includes(point))).toEqual([]);
  });
});
