// Named places in the commit path at which a test can end the process, to prove that nothing depends on what comes after.
// Off unless a process entry point turns one on; must not read the environment itself.

/** Every step of the commit path that can be cut short; each has a point before and one after it. */
export const CRASH_STEPS = [
  'file.temp.write',
  'file.temp.fsync',
  'file.link',
  'file.rename',
  'file.folder.fsync',
  'file.temp.unlink',
  'data.put',
  'data.parts.put',
  'data.touch',
  'record.adopt',
  'commit.spool.read',
  'commit.data',
  'commit.put',
  'commit.reply',
  'checkpoint.chunk',
  'checkpoint.put',
  'checkpoint.trim',
  'snapshot.segment',
  'snapshot.put',
  'ref.put',
  'labels.put',
  'event.put',
  'beat.put',
  'key.put',
  'quarantine.put',
  'quarantine.delete',
] as const;

export type CrashPoint = `${(typeof CRASH_STEPS)[number]}.${'before' | 'after'}`;

let armed: { readonly point: string; left: number } | null = null;
let tracer: ((point: CrashPoint) => void) | null = null;

/** Arms one point as `name` or `name#n` (its n-th passing, from 1), or none; called by process entry points only. */
export function setCrashPoint(spec: string | null): void {
  if (spec === null || spec === '') {
    armed = null;
    return;
  }
  const [point = '', nth = '1'] = spec.split('#');
  armed = { point, left: Number(nth) };
}

/** Reports every point as it is passed, or stops reporting. */
export function traceCrashPoints(listener: ((point: CrashPoint) => void) | null): void {
  tracer = listener;
}

/** Ends this process by SIGKILL when the point is armed; else does nothing. */
export function crashPoint(point: CrashPoint): void {
  tracer?.(point);
  if (armed?.point !== point) return;
  armed.left -= 1;
  if (armed.left === 0) process.kill(process.pid, 'SIGKILL');
}

/** The result of `action`, with the step's two points around it. */
export async function crashStep<T>(step: (typeof CRASH_STEPS)[number], action: () => Promise<T>): Promise<T> {
  crashPoint(`${step}.before`);
  const result = await action();
  crashPoint(`${step}.after`);
  return result;
}
