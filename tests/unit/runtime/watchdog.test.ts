// A compute child is stopped where it makes no progress, and only there: what reports, what waits for an answer, what stands still
// together with its worker, and one long call of ONNX Runtime go on.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ComputeChild } from '../../../runtime/child/compute-child.js';
import { Watchdog, type NoProgress } from '../../../runtime/child/watchdog.js';
import { DataError, TransientError } from '../../../schemas/errors.js';
import { failureOf } from '../../harness/failure-of.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';

const LIMIT_MS = 10_000;
const TICK_MS = 1000;

interface Second {
  /** Processor time used in it, milliseconds. */
  readonly cpuMs?: number;
  readonly waits?: boolean;
  readonly says?: 'progress' | 'beat';
  /** How long it takes: the worker may stand still too. */
  readonly ms?: number;
}

/** Lets seconds pass; the first hang with its second, or null. */
function live(seconds: readonly Second[], watchdog = new Watchdog(0, LIMIT_MS)): (NoProgress & { at: number }) | null {
  let nowMs = 0;
  let cpuMs = 0;
  for (const [at, second] of seconds.entries()) {
    nowMs += second.ms ?? TICK_MS;
    cpuMs += second.cpuMs ?? 0;
    if (second.says === 'progress') watchdog.progress();
    if (second.says === 'beat') watchdog.beat();
    const hang = watchdog.look(nowMs, { tickMs: TICK_MS, cpuMs, waits: second.waits ?? false });
    if (hang) return { ...hang, at: at + 1 };
  }
  return null;
}

const times = (count: number, second: Second): Second[] => Array.from({ length: count }, () => second);

describe('the watchdog', () => {
  it('says when a child that computes has reported nothing for its time', () => {
    expect(live(times(60, { cpuMs: 990 }))).toEqual({ at: 10, seconds: 10, phase: 'work', busy: true });
  });

  it('says that a child waits where it uses no processor', () => {
    expect(live(times(60, {}))).toMatchObject({ at: 10, busy: false });
  });

  it('lets a child that reports take any time', () => {
    const seconds = times(500, { cpuMs: 990 }).map((second, i) =>
      i % 9 === 0 ? { ...second, says: 'progress' as const } : second,
    );
    expect(live(seconds)).toBeNull();
  });

  it('lets a child whose event loop turns wait twelve times as long, and no longer', () => {
    expect(live(times(500, { says: 'beat' }))).toMatchObject({ at: 120, seconds: 120, busy: false });
  });

  it('does not count while the child waits for an answer', () => {
    expect(live(times(100, { waits: true }))).toBeNull();
    expect(live([...times(100, { waits: true }), ...times(20, { cpuMs: 990 })])).toMatchObject({ at: 110 });
  });

  it('counts an hour in which the worker itself stood still as two seconds', () => {
    expect(live([{ ms: 3_600_000 }, ...times(7, {})])).toBeNull();
    expect(live([{ ms: 3_600_000 }, ...times(60, {})])).toMatchObject({ at: 9 });
  });

  it('lets one call of ONNX Runtime take twelve times as long', () => {
    const watchdog = new Watchdog(0, LIMIT_MS);
    watchdog.enter('compute');
    expect(live(times(500, { cpuMs: 990 }), watchdog)).toMatchObject({ at: 120, phase: 'compute', busy: true });
  });
});

describe('a compute child', () => {
  const folder = temporaryFolder('watchdog');
  const entry = path.join(folder, 'child.mjs');
  beforeAll(() =>
    writeFileSync(
      entry,
      `process.send({ type: 'ready', pid: process.pid });
process.on('disconnect', () => process.exit(0));
const spin = (ms) => { for (const end = Date.now() + ms; Date.now() < end;); };
process.on('message', ({ type, id, task }) => {
  if (type !== 'call') return;
  const end = () => process.send({ type: 'result', id, value: 'done' });
  if (task === 'spin') spin(1e9);
  if (task === 'wait') return;
  if (task === 'report') for (let i = 0; i < 8; i++) { spin(500); process.send({ type: 'alive', id }); }
  if (task === 'step') { process.send({ type: 'phase', id, phase: 'compute' }); spin(4000); }
  if (task === 'ask') { process.send({ type: 'ask', id, ask: 1, what: 'x', request: null }); process.once('message', end); return; }
  end();
});
`,
    ),
  );
  const children: ComputeChild[] = [];
  afterAll(() => children.forEach((child) => child.close()));
  const call = (task: string): Promise<unknown> => {
    const options = { entry, env: {}, memoryLimitBytes: 2 ** 40, recordFolder: path.join(folder, 'children') };
    const child = new ComputeChild(options);
    children.push(child);
    const onAsk = (): Promise<null> => new Promise((resolve) => setTimeout(() => resolve(null), 4000));
    return child.call(task, null, { signal: new AbortController().signal, noProgressMs: 2000, onAsk });
  };

  it('that computes without end is stopped: its work is at fault, and how long it was silent is said', async () => {
    const error = await failureOf(call('spin'));
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(/made no progress for [23] s in plain work \(task spin, computing all the while\)/);
    expect(error.details).toMatchObject({ phase: 'work', task: 'spin' });
    expect(error.details['childDied']).toBeUndefined();
  }, 20_000);

  it('that waits for what never comes is stopped as if it had died', async () => {
    const error = await failureOf(call('wait'));
    expect(error).toBeInstanceOf(TransientError);
    expect(error.details).toMatchObject({ childDied: true, task: 'wait' });
  }, 20_000);

  it.each(['report', 'step', 'ask'])(
    'that does its work goes on: %s',
    async (task) => {
      expect(await call(task)).toBe('done');
    },
    20_000,
  );
});
