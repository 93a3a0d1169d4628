// Which process a pid meant: pid and start time together, so that a recycled pid is never mistaken for the old process.
import { readdir, readFile, readlink } from 'node:fs/promises';
import { pidSpaceOf, startInStat } from '../../core/identity/process-text.js';

/**
 * Start time of a live process in clock ticks since boot (Linux) or '' where the system does not tell; null when there is none. A
 * process that has ended and that nobody has waited for yet (a zombie) is none, but not before all of its threads have ended.
 */
export async function processStart(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
    return startInStat(stat, (await readdir(`/proc/${pid}/task`)).length);
  } catch {
    try {
      process.kill(pid, 0);
      return process.platform === 'linux' ? null : '';
    } catch {
      return null;
    }
  }
}

/** What the pids of this process are counted in: the machine since it was started, and its space of pids; '' where the system does not tell. */
export async function pidSpace(): Promise<string> {
  try {
    return pidSpaceOf(await readFile('/proc/sys/kernel/random/boot_id', 'utf8'), await readlink('/proc/self/ns/pid'));
  } catch {
    return '';
  }
}

/** Resident memory of a process in bytes, or null where the system does not tell. */
export async function residentBytes(pid: number): Promise<number | null> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1];
    return kilobytes === undefined ? null : Number(kilobytes) * 1024;
  } catch {
    return null;
  }
}

/** Linux counts processor time in hundredths of a second, whatever the kernel's own tick. */
const TICK_MS = 10;

/** Processor time that a process has used, all threads, milliseconds; null where the system does not tell. */
export async function processorMs(pid: number): Promise<number | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return null;
  }
}

/** Kills a recorded process if it is still the same one. Returns whether it was. */
export async function killIfSame(pid: number, start: string, signal: NodeJS.Signals): Promise<boolean> {
  if ((await processStart(pid)) !== start) return false;
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}
