// The local stack of a folder: a Temporal dev server on a SQLite file, MinIO where wanted, workers. Each is a detached process
// recorded with pid and start time under `.assay/`, so that `down` ends these very processes and no other.
import { spawn } from 'node:child_process';
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { programFile } from '../../runtime/package-root.js';
import { startMinioServer } from '../../servers/minio.js';
import {
  endProcess,
  readProcessRecord,
  startTimeOf,
  writeProcessRecord,
  type ProcessRecord,
} from '../../servers/process-record.js';
import { findRecordedServer } from '../../servers/server-process.js';
import { startTemporalServer } from '../../servers/temporal.js';
import { InputError, ResourceError } from '../../schemas/errors.js';
import { QUEUES } from '../../schemas/orchestration.js';

export interface StackProcess {
  readonly name: string;
  readonly pid: number;
  readonly address: string;
  readonly info: Readonly<Record<string, string>>;
  /** False when it was running already. */
  readonly started: boolean;
}

const assayFolder = (folder: string): string => path.join(folder, '.assay');

/** Folder of the list of stores and sources that the workers of a stack may use. */
export const allowedFolder = (folder: string): string => path.join(assayFolder(folder), 'allowed');
const recordFile = (folder: string, name: string): string => path.join(assayFolder(folder), `${name}.pid.json`);

/**
 * The folder's Temporal server, started unless it runs: where it answered before, so that workers and commands that outlived it find it
 * again, or at other ports where somebody has taken those.
 */
export async function ensureTemporal(
  folder: string,
  before: { readonly address: string; readonly web?: string | undefined } | undefined,
): Promise<StackProcess> {
  const file = recordFile(folder, 'temporal');
  const running = await findRecordedServer(file);
  if (running)
    return {
      name: 'temporal',
      pid: running.pid,
      address: running.address,
      info: running.info,
      started: false,
    };
  await mkdir(assayFolder(folder), { recursive: true });
  const place = { dbFile: path.join(assayFolder(folder), 'temporal.db'), recordFile: file };
  const server = await startTemporalServer({ ...place, ...portsOf(before) }).catch((error: unknown) => {
    if (error instanceof ResourceError && error.details['port'] !== undefined) return startTemporalServer(place);
    throw error;
  });
  return {
    name: 'temporal',
    pid: server.pid,
    address: server.address,
    info: server.info,
    started: true,
  };
}

function portsOf(before: Parameters<typeof ensureTemporal>[1]): { readonly port?: number; readonly uiPort?: number } {
  const [, port] = /^127\.0\.0\.1:(\d+)$/.exec(before?.address ?? '') ?? [];
  const [, uiPort] = /^http:\/\/127\.0\.0\.1:(\d+)/.exec(before?.web ?? '') ?? [];
  return { ...(port ? { port: Number(port) } : {}), ...(uiPort ? { uiPort: Number(uiPort) } : {}) };
}

/**
 * Ends the workers of the folder that look for a Temporal of this machine which is gone: they would look for ever.
 * @returns those that serve `address`
 */
export async function endStrayWorkers(folder: string, address: string): Promise<readonly StackProcess[]> {
  const workers = (await listStack(folder)).filter(({ name }) => name === 'worker');
  const others = workers.filter((worker) => worker.address !== address);
  await Promise.all(
    others.map(async (worker) => {
      if (await isAnswered(worker.address)) return;
      await endListed(worker, WORKER_GRACE_MS);
    }),
  );
  return workers.filter((worker) => worker.address === address);
}

/** Whether somebody listens at an address of this machine; of others nothing is known. */
async function isAnswered(address: string): Promise<boolean> {
  const [, port] = /^127\.0\.0\.1:(\d+)$/.exec(address) ?? [];
  if (port === undefined) return true;
  return new Promise((resolve) => {
    const socket = connect(Number(port), '127.0.0.1');
    const done = (answered: boolean) => (): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('connect', done(true));
    socket.once('error', done(false));
  });
}

/** The folder's MinIO server with bucket `assay`, started unless it runs. Credentials come from the environment. */
export async function ensureMinio(
  folder: string,
  credentials: { user: string | undefined; password: string | undefined },
): Promise<StackProcess> {
  const { user, password } = credentials;
  if (!user || !password) {
    throw new InputError(
      'MinIO needs credentials: set AWS_ACCESS_KEY_ID (at least 3 characters) and AWS_SECRET_ACCESS_KEY (at least 8), which workers use too.',
    );
  }
  const file = recordFile(folder, 'minio');
  const running = await findRecordedServer(file);
  if (running)
    return {
      name: 'minio',
      pid: running.pid,
      address: running.address,
      info: running.info,
      started: false,
    };
  const server = await startMinioServer({
    folder: path.join(assayFolder(folder), 'minio'),
    user,
    password,
    bucket: 'assay',
    recordFile: file,
  });
  return {
    name: 'minio',
    pid: server.pid,
    address: server.address,
    info: server.info,
    started: true,
  };
}

export interface WorkerLaunch {
  readonly folder: string;
  readonly address: string;
  readonly namespace: string;
  readonly device: 'cpu' | 'cuda' | 'webgpu';
  /** Compute children of the worker. */
  readonly slots: number;
  /** All by default. */
  readonly roles?: readonly string[];
  /** Host whose files it serves; this machine by default. */
  readonly hostId?: string;
  /** Workflow after whose end the worker shuts down. */
  readonly exitWithRun?: string;
}

/** Starts one detached worker; resolves once it has connected. @throws ResourceError with the end of its log */
export async function startWorker(launch: WorkerLaunch): Promise<StackProcess> {
  const { folder, ...rest } = launch;
  const logs = path.join(assayFolder(folder), 'logs');
  await mkdir(logs, { recursive: true });
  const options = {
    ...rest,
    folder: path.join(assayFolder(folder), 'worker'),
    allow: { folder: allowedFolder(folder) },
  };
  const logFile = path.join(logs, `worker-${Date.now()}-${process.pid}-${Math.floor(performance.now() * 1000)}.log`);
  const log = await open(logFile, 'a');
  const child = spawn(process.execPath, [programFile('worker'), JSON.stringify(options)], {
    stdio: ['ignore', log.fd, log.fd],
    detached: true,
  });
  child.unref();
  await log.close();
  if (child.pid === undefined) throw new ResourceError(`Could not start a worker process (${process.execPath}).`);
  const start = (await startTimeOf(child.pid)) ?? 'ended';
  const record: ProcessRecord = {
    pid: child.pid,
    start,
    address: launch.address,
    info: { logFile, role: 'worker', queues: queuesOfLaunch(launch).join(' '), until: launch.exitWithRun ?? '' },
  };
  await writeProcessRecord(recordFile(folder, `worker-${child.pid}`), record);
  await untilReady(child.pid, logFile);
  return {
    name: 'worker',
    pid: child.pid,
    address: launch.address,
    info: record.info,
    started: true,
  };
}

function queuesOfLaunch({ roles = WORKER_ROLES, device, hostId = os.hostname() }: WorkerLaunch): string[] {
  return queuesServed(roles, device, hostId);
}

export const WORKER_ROLES: readonly string[] = ['orchestrate', 'io', 'compute'];

/** The queues that a worker polls. */
export function queuesServed(roles: readonly string[], device: string, hostId: string): string[] {
  return [
    ...(roles.includes('orchestrate') ? [QUEUES.orchestrate] : []),
    ...(roles.includes('io') ? [QUEUES.io] : []),
    ...(roles.includes('compute') ? [QUEUES.compute(device)] : []),
    ...(roles.includes('io') || roles.includes('compute') ? [QUEUES.host(hostId)] : []),
  ];
}

const READY_MS = 90_000;

/** What is said while workers start. */
export function waitForWorkers(count: number): string {
  return `waiting for ${count === 1 ? 'the worker' : `${count} workers`} to start, at most ${READY_MS / 1000} s`;
}

async function untilReady(pid: number, logFile: string): Promise<void> {
  const deadline = Date.now() + READY_MS;
  for (;;) {
    const text = await readTail(logFile);
    if (text.includes('worker ready')) return;
    const ended = (await startTimeOf(pid)) === null;
    if (ended || Date.now() > deadline) {
      const what = ended ? 'ended' : `was not ready within ${READY_MS / 1000} s`;
      const end = text.trimEnd() === '' ? 'it is empty: something killed the worker' : text.trimEnd();
      throw new ResourceError(
        `A worker ${what}; mend the cause and type the command again. The end of ${logFile}:\n${end.split('\n').slice(-8).join('\n')}`,
        { pid, logFile },
      );
    }
    await sleep(50);
  }
}

async function readTail(file: string): Promise<string> {
  const handle = await open(file, 'r');
  try {
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

interface Listed extends StackProcess {
  readonly record: ProcessRecord;
  /** Where it is recorded. */
  readonly file: string;
}

/** The processes of the folder's stack that run; records of others are removed. */
export async function listStack(folder: string): Promise<Listed[]> {
  const names = (await readdir(assayFolder(folder)).catch(() => [])).filter((name) => name.endsWith('.pid.json'));
  const found: Listed[] = [];
  for (const file of names.sort()) {
    const record = await readProcessRecord(path.join(assayFolder(folder), file));
    const name = file.replace(/(-\d+)?\.pid\.json$/, '');
    if (record)
      found.push({
        name,
        pid: record.pid,
        address: record.address,
        info: record.info,
        started: false,
        ...{ record, file: path.join(assayFolder(folder), file) },
      });
  }
  return found;
}

/** Workers need time for the shards in hand; servers end after them. */
export const WORKER_GRACE_MS = 32_000;

/** Ends a process, and removes its record. */
async function endListed({ record, file }: Listed, graceMs?: number): Promise<void> {
  await endProcess(record, graceMs);
  await rm(file, { force: true });
}

/** Ends the folder's stack: workers first (shards in hand finish), then servers. Returns what was ended. */
export async function endStack(folder: string): Promise<StackProcess[]> {
  const running = await listStack(folder);
  const workers = running.filter((p) => p.name === 'worker');
  const servers = running.filter((p) => p.name !== 'worker');
  await Promise.all(workers.map((p) => endListed(p, WORKER_GRACE_MS)));
  await Promise.all(servers.map((p) => endListed(p)));
  return running;
}

/** Compute slots of this machine for sessions of `threads` threads. */
export function machineSlots(threads = 1): number {
  return Math.max(1, Math.floor(os.availableParallelism() / threads));
}
