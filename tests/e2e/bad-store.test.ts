// Stores that cannot be used: the command line says which operation on which key failed, why and what to do, with the exit code of the cause.
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startTestMinio, type TestMinio } from '../servers/minio.js';
import { createProject, onMinio, type CommandResult, type Project } from './harness/project.js';

let project: Project;

afterEach(async () => {
  await project.remove();
});

async function run(): Promise<CommandResult> {
  const result = await project.assay('run', 'run.yaml');
  expect(result.stdout).toBe('');
  expect(result.stderr).not.toMatch(/\n\s+at /);
  return result;
}

describe('a folder as store', () => {
  it('that may not be written is refused with exit code 1, operation and key', async () => {
    project = await createProject({ chapters: 2, store: { url: 'file:///sys/assay-store' } });
    const { code, stderr } = await run();
    expect(stderr).toMatch(
      /access was denied \((EACCES|EPERM|EROFS)\) during create of probe\/.* in file:\/\/\/sys\/assay-store; correct owner or mode of the folder/,
    );
    expect(code).toBe(1);
  });

  it('with a file in its place is refused with exit code 2, and the file stays', async () => {
    project = await createProject({ chapters: 2 });
    await writeFile(path.join(project.folder, 'data'), 'mine');
    const { code, stderr } = await run();
    expect(stderr).toMatch(/something else in the way \(ENOTDIR|EEXIST\).*choose an empty folder/s);
    expect(code).toBe(2);
  });

  it('that is refused lets `up` start no server', async () => {
    project = await createProject({ chapters: 2 });
    await writeFile(path.join(project.folder, 'data'), 'mine');
    const { code, stderr } = await project.assay('up', '--workers', '0');
    expect(stderr).toMatch(/something else in the way \(ENOTDIR|EEXIST\).*choose an empty folder/s);
    expect(code).toBe(2);
    // The lock of `up` has a place; nothing of a server is in it.
    expect(await readdir(path.join(project.folder, '.assay')).catch(() => [])).toEqual([]);
  });

  it('stays without run, commits and data where Temporal does not answer (exit code 3)', async () => {
    project = await createProject({
      chapters: 2,
      env: { TEMPORAL_ADDRESS: '127.0.0.1:9' },
    });
    const { code, stderr } = await run();
    expect(stderr).toContain('No Temporal server answers at 127.0.0.1:9. Start one with `assay up`');
    expect(code).toBe(3);
    expect(await readdir(project.folder)).not.toContain('data');
  });
});

describe('a bucket as store', () => {
  let minio: TestMinio;

  beforeAll(async () => {
    minio = await startTestMinio();
  }, 90_000);

  afterAll(async () => {
    await minio.stop();
  });

  interface Wrong {
    readonly bucket?: string;
    readonly endpoint?: string;
    readonly secret?: string;
  }

  async function withStore({ bucket, endpoint, secret }: Wrong): Promise<void> {
    const wrong = {
      user: minio.user,
      bucket: bucket ?? minio.bucket,
      endpoint: endpoint ?? minio.endpoint,
      password: secret ?? minio.password,
    };
    project = await createProject({ chapters: 2, ...onMinio(wrong, 'bad') });
  }

  it('that nobody serves is refused with exit code 3, operation, key and endpoint', async () => {
    await withStore({ endpoint: 'http://127.0.0.1:9' });
    const { code, stderr } = await run();
    expect(stderr).toMatch(
      /found: ECONNREFUSED.*\(operation: create, key: probe\/.*, store: s3:\/\/assay\/bad\); check the endpoint in storeOptions/,
    );
    expect(code).toBe(3);
  }, 120_000);

  it('with a wrong secret is refused with exit code 1 and where credentials come from', async () => {
    await withStore({ secret: 'another-secret' });
    const { code, stderr } = await run();
    expect(stderr).toMatch(
      /Expected rights to the bucket.*SignatureDoesNotMatch.*\(operation: create, key: probe\/.*AWS_ACCESS_KEY_ID/s,
    );
    expect(stderr).not.toContain('another-secret');
    expect(code).toBe(1);
  }, 120_000);

  it('that does not exist is refused with exit code 2 and its name', async () => {
    await withStore({ bucket: 'no-such-bucket' });
    const { code, stderr } = await run();
    expect(stderr).toMatch(
      /Expected an existing bucket, found: NoSuchBucket.*store: s3:\/\/no-such-bucket\/bad\); create the bucket/s,
    );
    expect(code).toBe(2);
  }, 120_000);

  it('that cannot be reached makes commands that read fail the same way', async () => {
    await withStore({ endpoint: 'http://127.0.0.1:9' });
    const { code, stderr } = await project.assay('datasets', '--store', 's3://assay/bad');
    expect(stderr).toMatch(/operation: list, key: .*store: s3:\/\/assay\/bad/);
    expect([1, 3]).toContain(code);
  }, 120_000);
});
