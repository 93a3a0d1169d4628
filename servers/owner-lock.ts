// One process at a time does something in a folder: a lock file that says who holds it, by pid and start time, and since when. The
// lock of a process that has died is taken over.
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { ResourceError } from '../schemas/errors.js';
import { isAlive, startTimeOf } from './process-record.js';

const lockOwner = z.object({ pid: z.number(), start: z.string(), doing: z.string(), sinceMs: z.number() });
export type LockOwner = z.infer<typeof lockOwner>;

export interface OwnerLock {
  readonly file: string;
  /** What the holder does, for whoever waits: `assay up`. */
  readonly doing: string;
  /** Called once, with the holder and its age, before the first wait. */
  readonly onWait: (owner: LockOwner, ageSeconds: number) => void;
  readonly waitMs?: number;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

const WAIT_MS = 5 * 60_000;
const POLL_MS = 200;

/**
 * What `body` returns; nobody else holds the lock meanwhile.
 * @throws ResourceError that names holder and age where it is not free in time
 */
export async function withOwnerLock<T>(lock: OwnerLock, body: () => Promise<T>): Promise<T> {
  const { file, doing, onWait, waitMs = WAIT_MS } = lock;
  await mkdir(path.dirname(file), { recursive: true });
  const deadline = Date.now() + waitMs;
  for (let told = false; ;) {
    const text = await take(file, doing);
    if (text === null) break;
    const owner = parseOwner(text);
    if (owner === null || !(await isAlive(owner))) {
      await setAside(file, text);
      continue;
    }
    const ageSeconds = Math.max(0, Math.round((Date.now() - owner.sinceMs) / 1000));
    if (Date.now() > deadline) throw held(file, owner, ageSeconds);
    if (!told) onWait(owner, ageSeconds);
    told = true;
    await sleep(POLL_MS, undefined, { signal: lock.signal });
  }
  try {
    return await body();
  } finally {
    await rm(file, { force: true });
  }
}

/** Null where it is taken now, else what the holder wrote. */
async function take(file: string, doing: string): Promise<string | null> {
  const start = (await startTimeOf(process.pid)) ?? '';
  const owner: LockOwner = { pid: process.pid, start, doing, sinceMs: Date.now() };
  // Written aside and linked, so that a lock is never seen half written.
  const aside = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  await writeFile(aside, JSON.stringify(owner), { flag: 'wx' });
  try {
    for (;;) {
      try {
        await link(aside, file);
        return null;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const text = await readFile(file, 'utf8').catch(() => null);
      if (text !== null) return text;
    }
  } finally {
    await rm(aside, { force: true });
  }
}

/** Removes the lock of a dead process, and no other: somebody may have taken it over since it was read. */
async function setAside(file: string, stale: string): Promise<void> {
  const aside = `${file}.${process.pid}.stale`;
  try {
    await rename(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if ((await readFile(aside, 'utf8')) !== stale) await link(aside, file).catch(() => undefined);
  await rm(aside, { force: true });
}

function parseOwner(text: string): LockOwner | null {
  try {
    return lockOwner.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

function held(file: string, { pid, doing }: LockOwner, ageSeconds: number): ResourceError {
  return new ResourceError(
    `Expected ${file} to become free, but \`${doing}\` (pid ${pid}) has held it for ${ageSeconds} s. Wait for that process or end it, then try again.`,
    { file, pid, doing, ageSeconds },
  );
}
