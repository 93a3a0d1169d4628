// The commit path on a real S3 server, ended at every point.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MinioServer, startMinioServer } from '../../servers/minio.js';
import { CRASH_STEPS } from '../../storage/objects/crash-points.js';
import { openStore } from '../../storage/objects/open-store.js';
import { crashEverywhere } from '../crash/crash-everywhere.js';

let folder = '';
let server: MinioServer | null = null;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-minio-crash-'));
  const credentials = { user: 'assay-test', password: 'assay-test-secret' };
  server = await startMinioServer({
    folder: join(folder, 'data'),
    bucket: 'crash',
    ...credentials,
  });
  process.env['AWS_ACCESS_KEY_ID'] = credentials.user;
  process.env['AWS_SECRET_ACCESS_KEY'] = credentials.password;
}, 90_000);

afterAll(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('the commit path on MinIO', () => {
  it('gives the same data after a kill before and after every step, whenever it is passed', async () => {
    const endpoint = server?.endpoint ?? '';
    const url = (name: string): string => `s3://crash/${name}`;
    const open = (name: string) => openStore(url(name), { storeOptions: { endpoint } });
    const passed = await crashEverywhere({ folder, url, open, endpoint });
    // Files are the other driver's; an object's age cannot be set on a server.
    const steps = CRASH_STEPS.filter((step) => !step.startsWith('file.') && step !== 'data.touch');
    const all = steps.flatMap((step) => [`${step}.before`, `${step}.after`]);
    expect(all.filter((point) => !passed.includes(point))).toEqual([]);
  });
});
