// Starts one server program, waits until it answers, and stops it. Knows nothing about what the server is.
import { spawn } from 'node:child_process';
import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ResourceError } from '../schemas/errors.js';
import {
  endProcess,
  isAlive,
  type ProcessRecord,
  readProcessRecord,
  startTimeOf,
  writeProcessRecord,
} from './process-record.js';

export interface RunningServer {
  readonly pid: number;
  /** host:port of the service. */
  readonly address: string;
  readonly info: Readonly<Record<string, string>>;
  /** Ends it: SIGTERM, then SIGKILL after 10 s. Done when the process is gone; may be called again. */
  stop(): Promise<void>;
  /** Ends it at once by SIGKILL, as a crash would. */
  kill(): Promise<void>;
}

export interface ServerLaunch {
  /** For messages: `Temporal`, `MinIO`. */
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly address: string;
  readonly info: Readonly<Record<string, string>>;
  /** What the server prints is appended here. */
  readonly logFile: string;
  /** Resolves when the server answers; rejects or resolves false when it does not yet. */
  readonly isReady: () => Promise<boolean>;
  readonly readyMs: number;
  /** Where a detached server is recorded; it then outlives this process. */
  readonly recordFile?: string | undefined;
}

/**
 * A started server that answers. With `recordFile` it runs detached and is recorded there before it is waited for.
 * @throws ResourceError when it ends or does not answer in time; the message holds the end of its log
 */
export async function startServerProcess(launch: ServerLaunch): Promise<RunningServer> {
  await mkdir(path.dirname(launch.logFile), { recursive: true });
  const log = await open(launch.logFile, 'a');
  const detached = launch.recordFile !== undefined;
  const child = spawn(launch.program, launch.args, {
    stdio: ['ignore', log.fd, log.fd],
    env: launch.env,
    detached,
  });
  const failed = new Promise<Error | null>((resolve) => {
    child.once('error', resolve);
    child.once('spawn', () => {
      resolve(null);
    });
  });
  const error = await failed;
  await log.close();
  if (error || child.pid === undefined) {
    throw new ResourceError(`Expected to start ${launch.program}, got ${error?.message ?? 'no process'}.`, {
      program: launch.program,
    });
  }
  // A server must not keep a finished command alive; whoever needs it holds the handle.
  child.unref();
  const start = (await startTimeOf(child.pid)) ?? 'ended';
  const record = { pid: child.pid, start, address: launch.address, info: launch.info };
  if (launch.recordFile) await writeProcessRecord(launch.recordFile, record);
  const server = serverOf(record, launch.recordFile);
  try {
    await waitUntilReady(launch, record);
  } catch (reason) {
    await server.kill();
    throw reason;
  }
  return server;
}

/** The detached server that a record file names, or null when it does not run. */
export async function findRecordedServer(recordFile: string): Promise<RunningServer | null> {
  const record = await readProcessRecord(recordFile);
  return record && serverOf(record, recordFile);
}

function serverOf(record: ProcessRecord, recordFile: string | undefined): RunningServer {
  const end = async (graceMs: number): Promise<void> => {
    await endProcess(record, graceMs);
    if (recordFile) await rm(recordFile, { force: true });
  };
  return {
    pid: record.pid,
    address: record.address,
    info: record.info,
    stop: () => end(10_000),
    kill: () => end(0),
  };
}

async function waitUntilReady(launch: ServerLaunch, record: ProcessRecord): Promise<void> {
  const deadline = Date.now() + launch.readyMs;
  for (;;) {
    const ready = await launch.isReady().catch(() => false);
    // Asked after the answer: it may have come from another server that holds the port.
    const ended = !(await isAlive(record));
    if (ready && !ended) return;
    if (!ended && Date.now() < deadline) {
      await sleep(100);
      continue;
    }
    const what = ended ? 'it ended' : `it did not answer within ${launch.readyMs / 1000} s`;
    throw new ResourceError(
      `Expected ${launch.name} to answer at ${launch.address}, but ${what}. ` +
        `The end of ${launch.logFile}:\n${await lastLines(launch.logFile)}`,
      { server: launch.name, address: launch.address, ended },
    );
  }
}

async function lastLines(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-12).join('\n');
}

/** A TCP port of 127.0.0.1 that nothing listens on at this moment. */
export function findFreePort(): Promise<number> {
  return listenBriefly(0);
}

/** @throws ResourceError when something listens on the port of 127.0.0.1 */
async function requireFree(port: number): Promise<number> {
  return listenBriefly(port).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ResourceError(
      `Expected port ${port} of 127.0.0.1 to be free, got: ${reason}. Stop what listens there, or choose another port.`,
      { port },
    );
  });
}

async function listenBriefly(port: number): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return address === null || typeof address === 'string' ? port : address.port;
}

/**
 * What `start` returns for free ports; tried again with others when the server ended, as it does when another process
 * took a port meanwhile. A given port is tried once.
 */
export async function withFreePorts<T>(
  given: readonly (number | undefined)[],
  start: (ports: readonly number[]) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const ports = await Promise.all(given.map((port) => (port === undefined ? findFreePort() : requireFree(port))));
    try {
      return await start(ports);
    } catch (error) {
      const another = error instanceof ResourceError && error.details['ended'] === true;
      if (!another || attempt === 3 || given.every((port) => port !== undefined)) throw error;
    }
  }
}
