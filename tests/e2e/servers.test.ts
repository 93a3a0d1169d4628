// Real Temporal and MinIO servers: what they hold survives SIGKILL and a restart, a taken port or a wrong program is
// told in words, and a detached server is found and stopped through its record.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAlive, startTimeOf } from '../../servers/process-record.js';
import { findFreePort, findRecordedServer, withFreePorts } from '../../servers/server-process.js';
import { startMinioServer } from '../../servers/minio.js';
import { SEARCH_ATTRIBUTES } from '../../schemas/orchestration.js';
import { startTemporalServer } from '../../servers/temporal.js';
import { ResourceError } from '../../schemas/errors.js';
import { temporaryFolder } from '../harness/temporary-folder.js';
import { startTestMinio, type TestMinio } from '../servers/minio.js';
import { startTestTemporal, type TestTemporal } from '../servers/temporal.js';

const scratch = temporaryFolder('servers');

describe('Temporal dev server', () => {
  let temporal: TestTemporal;
  beforeAll(async () => {
    temporal = await startTestTemporal();
  });
  afterAll(async () => {
    await temporal.stop();
  });

  it('serves its web page and has the search attributes of runs', async () => {
    expect((await fetch(temporal.uiUrl)).status).toBe(200);
    expect(await attributes(temporal.address)).toEqual(expect.arrayContaining(Object.values(SEARCH_ATTRIBUTES)));
  });

  it('comes back on its file and address with what it knew, after SIGKILL', async () => {
    await startWorkflow(temporal.address, 'kept');
    const { pid } = temporal.server;
    await temporal.server.kill();
    expect(await startTimeOf(pid)).toBeNull();
    await temporal.restart();
    expect(temporal.server.address).toBe(temporal.address);
    expect(await describeWorkflow(temporal.address, 'kept')).toBe('kept');
  });

  it('says that a port is taken and starts nothing', async () => {
    const port = Number(temporal.address.split(':')[1]);
    const recordFile = path.join(scratch, 'taken.json');
    const start = startTemporalServer({
      dbFile: path.join(scratch, 'taken.db'),
      port,
      recordFile,
    });
    await expect(start).rejects.toThrow(`Expected port ${port} of 127.0.0.1 to be free`);
    await expect(readFile(recordFile)).rejects.toThrow(/ENOENT/);
  });

  it('runs detached under a record, is found by it and stopped through it', async () => {
    const recordFile = path.join(scratch, 'temporal.json');
    const started = await startTemporalServer({ dbFile: path.join(scratch, 'a.db'), recordFile });
    const found = await findRecordedServer(recordFile);
    expect(found).toMatchObject({ pid: started.pid, address: started.address });
    expect(found?.info['uiUrl']).toBe(started.uiUrl);
    await found?.stop();
    expect(await startTimeOf(started.pid)).toBeNull();
    expect(await findRecordedServer(recordFile)).toBeNull();
  });
});

describe('MinIO', () => {
  let minio: TestMinio;
  beforeAll(async () => {
    minio = await startTestMinio();
  });
  afterAll(async () => {
    await minio.stop();
  });

  it('keeps objects over SIGKILL and a restart on its folder', async () => {
    const s3 = clientOf(minio);
    await s3.send(new PutObjectCommand({ Bucket: minio.bucket, Key: 'a/b', Body: 'kept' }));
    await minio.server.kill();
    await minio.restart();
    const got = await s3.send(new GetObjectCommand({ Bucket: minio.bucket, Key: 'a/b' }));
    expect(await got.Body?.transformToString()).toBe('kept');
    s3.destroy();
  });

  it('refuses a second creation under If-None-Match', async () => {
    const s3 = clientOf(minio);
    const put = { Bucket: minio.bucket, Key: 'once', Body: 'x', IfNoneMatch: '*' };
    await s3.send(new PutObjectCommand(put));
    await expect(s3.send(new PutObjectCommand(put))).rejects.toMatchObject({
      name: 'PreconditionFailed',
    });
    s3.destroy();
  });

  it('stops on request and may be stopped again', async () => {
    const server = await startMinioServer({
      folder: path.join(scratch, 'objects'),
      user: 'someone',
      password: 'long-enough',
      bucket: 'assay',
    });
    await server.stop();
    await server.stop();
    expect(await startTimeOf(server.pid)).toBeNull();
  });

  it('says why it did not start', async () => {
    const file = path.join(scratch, 'not-a-server');
    await writeFile(file, '#!/bin/sh\necho no room here\nexit 3\n', { mode: 0o755 });
    const start = startMinioServer({
      folder: path.join(scratch, 'never'),
      user: 'someone',
      password: 'long-enough',
      bucket: 'assay',
      program: file,
    });
    await expect(start).rejects.toThrow(/Expected MinIO to answer at .*it ended[\s\S]*no room here/);
  });
});

describe('ports', () => {
  it('are others when the server ended, and tried once when they were given', async () => {
    const seen: (readonly number[])[] = [];
    const fail = (ports: readonly number[]): Promise<never> => {
      seen.push(ports);
      return Promise.reject(new ResourceError('ended', { ended: true }));
    };
    await expect(withFreePorts([undefined], fail)).rejects.toThrow('ended');
    expect(seen).toHaveLength(3);
    const port = await findFreePort();
    await expect(withFreePorts([port], fail)).rejects.toThrow('ended');
    expect(seen[3]).toEqual([port]);
  });

  it('belong to a process that is alive only while its start time matches', async () => {
    const start = await startTimeOf(process.pid);
    expect(await isAlive({ pid: process.pid, start: start ?? '' })).toBe(true);
    expect(await isAlive({ pid: process.pid, start: '1' })).toBe(false);
  });
});

function clientOf(minio: TestMinio): S3Client {
  return new S3Client({
    endpoint: minio.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: minio.user, secretAccessKey: minio.password },
  });
}

async function withConnection<T>(address: string, use: (c: Connection) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address });
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}

function attributes(address: string): Promise<string[]> {
  return withConnection(address, async ({ operatorService }) => {
    const found = await operatorService.listSearchAttributes({ namespace: 'default' });
    return Object.keys(found.customAttributes);
  });
}

async function startWorkflow(address: string, workflowId: string): Promise<void> {
  await withConnection(address, ({ workflowService }) =>
    workflowService.startWorkflowExecution({
      namespace: 'default',
      workflowId,
      requestId: workflowId,
      workflowType: { name: 'none' },
      taskQueue: { name: 'none' },
    }),
  );
}

function describeWorkflow(address: string, workflowId: string): Promise<string | null | undefined> {
  return withConnection(address, async ({ workflowService }) => {
    const found = await workflowService.describeWorkflowExecution({
      namespace: 'default',
      execution: { workflowId },
    });
    return found.workflowExecutionInfo?.execution?.workflowId;
  });
}
