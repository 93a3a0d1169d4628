// Marks temporary files with the process that writes them, so that what a dead process left can be swept and what a
// living one writes cannot.
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { readdir, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';

/** Age after which a temporary file of another host is taken for dead, in milliseconds. */
const FOREIGN_AGE_MS = 24 * 3600_000;

const host =
  hostname()
    .replace(/[^A-Za-z0-9-]/g, '_')
    .slice(0, 60) || 'host';

/** A fresh name `<pid>.<start time>.<host>.<uuid>` for a temporary file of this process. */
export function temporaryName(): string {
  return `${process.pid}.${startTime(process.pid) ?? '0'}.${host}.${randomUUID()}`;
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
 * Whether the process that a name of `temporaryName` marks is dead: by pid and start time on this host; of another host, which may
 * share the folder, by the age of what lies there. Names without a host are of earlier releases.
 */
export async function isDead(name: string, path: string): Promise<boolean> {
  const [, pid, started, owner] = /^(\d+)[.-](\d*)(?:\.([^.]+)|$)/.exec(name) ?? [];
  if (pid === undefined) return false;
  if (owner !== host) {
    const info = await stat(path).catch(() => null);
    return info !== null && Date.now() - info.mtimeMs > FOREIGN_AGE_MS;
  }
  if (!isAlive(Number(pid))) return true;
  // The number may have been given to another process since.
  const now = startTime(Number(pid));
  return now !== null && started !== '0' && now !== started;
}

/** `<pid>.<start time>.<space>` of this process: `isProvenDead` tells of it where pids are counted in the same space. */
export function processMark(): string {
  return `${process.pid}.${startTime(process.pid) ?? ''}.${pidSpace()}`;
}

/** Whether a process that named itself by `processMark` has surely ended; false where nobody here can know. */
export function isProvenDead(mark: string): boolean {
  const [, pid, started, space] = /^(\d+)\.(\d+)\.([0-9a-f]+)$/.exec(mark) ?? [];
  if (pid === undefined || space !== pidSpace()) return false;
  if (!isAlive(Number(pid))) return true;
  // Unknown where the system does not show other users' processes.
  const now = startTime(Number(pid));
  return now !== null && now !== started;
}

/** What pids are counted in: the machine since it was started, and its space of pids; '' where the system does not tell. */
function pidSpace(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8');
    return createHash('sha256')
      .update(`${boot.trim()} ${readlinkSync('/proc/self/ns/pid')}`)
      .digest('hex')
      .slice(0, 12);
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

/** Start time of a process in clock ticks since boot, '' where it has ended (a zombie), or null where the system does not say (no /proc). */
function startTime(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Field 22; the second field, the command, may hold spaces and brackets.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? '' : (fields[19] ?? null);
  } catch {
    return null;
  }
}
