// Marks of processes: on temporary files and folders, so that what a dead process left can be swept and what a living one writes cannot;
// and on the mark of a collection, so that waiters know whether its collector is dead. A pid says something only where it is counted:
// of other machines and spaces of pids nothing is taken for dead but by its age.
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { readdir, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { pidSpaceOf, startInStat } from '../../core/identity/process-text.js';

/** Age after which a temporary file of another host is taken for dead, in milliseconds. */
const FOREIGN_AGE_MS = 24 * 3600_000;

const host =
  hostname()
    .replace(/[^A-Za-z0-9-]/g, '_')
    .slice(0, 60) || 'host';

/** A fresh name `<pid>.<start time>.<host>+<space of pids>.<uuid>` for a temporary file of this process. */
export function temporaryName(): string {
  return `${process.pid}.${startTime(process.pid) || '0'}.${owner()}.${randomUUID()}`;
}

/** Who can tell whether a process lives: this host, where the system tells with its space of pids. */
function owner(): string {
  const space = pidSpace();
  return space === '' ? host : `${host}+${space}`;
}

/** How many temporary files of dead processes were removed from the folder (0 where there is no folder). */
export async function sweepTemporaries(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  let swept = 0;
  for (const name of names) {
    const path = join(folder, name);
    if (!(await isDead(name, path))) continue;
    await unlink(path).catch(() => undefined);
    swept += 1;
  }
  return swept;
}

/**
 * Whether the process that a name of `temporaryName` marks is dead: by pid and start time in this space of pids; of another host or
 * space, which may share the folder, by the age of what lies there. Names without a host or a space are of earlier releases.
 */
export async function isDead(name: string, path: string): Promise<boolean> {
  const [, pid, started, writer] = /^(\d+)[.-](\d*)(?:\.([^.]+)|$)/.exec(name) ?? [];
  if (pid === undefined) return false;
  if (writer !== owner() && writer !== host) {
    const info = await stat(path).catch(() => null);
    return info !== null && Date.now() - info.mtimeMs > FOREIGN_AGE_MS;
  }
  return hasEnded(Number(pid), started === '0' ? '' : started);
}

/** `<pid>.<start time>.<space>` of this process: `isProvenDead` tells of it where pids are counted in the same space. */
export function processMark(): string {
  return `${process.pid}.${startTime(process.pid) ?? ''}.${pidSpace()}`;
}

/** Whether a process that named itself by `processMark` has surely ended; false where nobody here can know. */
export function isProvenDead(mark: string): boolean {
  const [, pid, started, space] = /^(\d+)\.(\d+)\.([0-9a-f]+)$/.exec(mark) ?? [];
  if (pid === undefined || space !== pidSpace()) return false;
  return hasEnded(Number(pid), started);
}

/** Whether the process that had this pid and start time has ended: where the system tells no start time, only once nobody has its pid. */
function hasEnded(pid: number, started: string | undefined): boolean {
  if (!isAlive(pid)) return true;
  const now = startTime(pid);
  // The number may have been given to another process since.
  return now === null || (now !== '' && started !== '' && now !== started);
}

/** What the pids of this process are counted in; '' where the system does not tell. */
function pidSpace(): string {
  try {
    return pidSpaceOf(readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'), readlinkSync('/proc/self/ns/pid'));
  } catch {
    return '';
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Start time of a process in clock ticks since boot, null where it has ended, '' where the system does not tell (no /proc). */
function startTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return startInStat(stat, readdirSync(`/proc/${pid}/task`).length);
  } catch {
    return '';
  }
}
