// A started server as a small file (pid, start time, address), so that a later command finds and stops that very
// process, and never another one that was given its pid.
import { execFile } from 'node:child_process';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processStart } from '../runtime/child/process-identity.js';
import { ResourceError } from '../schemas/errors.js';

export interface ProcessRecord {
  readonly pid: number;
  /** What the system says about when the process started. */
  readonly start: string;
  readonly address: string;
  /** Further addresses and paths that the starter wants to find again. */
  readonly info: Readonly<Record<string, string>>;
}

/** Start time of a live process, or null when there is none. */
export async function startTimeOf(pid: number): Promise<string | null> {
  const start = await processStart(pid);
  return start === '' ? startByPs(pid) : start;
}

/** Whether the recorded process still lives. */
export async function isAlive(record: Pick<ProcessRecord, 'pid' | 'start'>): Promise<boolean> {
  return (await startTimeOf(record.pid)) === record.start;
}

/**
 * Ends a recorded process: SIGTERM, and SIGKILL after `graceMs`. Does nothing when it is gone or its pid is another's.
 * @throws ResourceError when it outlives SIGKILL by 10 s
 */
export async function endProcess(record: Pick<ProcessRecord, 'pid' | 'start'>, graceMs = 10_000): Promise<void> {
  if (graceMs > 0 && (await signalAndWait(record, 'SIGTERM', graceMs))) return;
  if (await signalAndWait(record, 'SIGKILL', 10_000)) return;
  throw new ResourceError(
    `Expected process ${record.pid} to end on SIGKILL, it still runs after 10 s; end it by hand.`,
    { pid: record.pid },
  );
}

async function signalAndWait(
  record: Pick<ProcessRecord, 'pid' | 'start'>,
  signal: NodeJS.Signals,
  waitMs: number,
): Promise<boolean> {
  if (!(await isAlive(record))) return true;
  try {
    process.kill(record.pid, signal);
  } catch {
    // It ended between the look and the signal; the loop sees that.
  }
  const deadline = Date.now() + waitMs;
  while (Date.now() < deadline) {
    if (!(await isAlive(record))) return true;
    await sleep(50);
  }
  return false;
}

/** Writes a record whole or not at all. */
export async function writeProcessRecord(file: string, record: ProcessRecord): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const aside = `${file}.${process.pid}`;
  await writeFile(aside, JSON.stringify(record));
  await rename(aside, file);
}

/** The record in a file when its process still lives, else null (a record of a dead process is removed). */
export async function readProcessRecord(file: string): Promise<ProcessRecord | null> {
  const record = parseRecord(await readFile(file, 'utf8').catch(() => ''));
  if (record !== null && (await isAlive(record))) return record;
  await rm(file, { force: true });
  return null;
}

function parseRecord(text: string): ProcessRecord | null {
  try {
    const value = JSON.parse(text) as Partial<ProcessRecord>;
    const whole = typeof value.pid === 'number' && typeof value.start === 'string' && typeof value.address === 'string';
    return whole ? ({ info: {}, ...value } as ProcessRecord) : null;
  } catch {
    return null;
  }
}

function startByPs(pid: number): Promise<string | null> {
  return new Promise((resolve) => {
    execFile('ps', ['-o', 'lstart=,stat=', '-p', String(pid)], (error, stdout) => {
      const line = error ? '' : stdout.trim();
      const start = line.replace(/\s+\S+$/, '');
      resolve(line === '' || / Z\S*$/.test(line) ? null : start);
    });
  });
}
