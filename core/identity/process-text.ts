// What Linux says of a process, read from its text: when it was started, and in which space of pids it counts. Reads no file: `storage`
// and `runtime`, which do not know each other, each open /proc and judge by these rules.
import { sha256Hex } from './digest.js';

/**
 * Start time in clock ticks since boot, null where the process has ended, '' where the text does not tell.
 * @param stat of /proc/PID/stat, whose state is that of the first thread alone
 * @param threads in /proc/PID/task: while there is another one than a first one that has ended (a zombie), the process is at work, as a
 * thread that is in a system call which cannot be interrupted
 */
export function startInStat(stat: string, threads: number): string | null {
  // Field 22; the second field, the command, may hold spaces and brackets.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' && threads <= 1 ? null : (fields[19] ?? '');
}

/** What pids are counted in: the machine since it was started, and its space of pids. */
export function pidSpaceOf(bootId: string, namespace: string): string {
  return sha256Hex(`${bootId.trim()} ${namespace}`).slice(0, 12);
}
