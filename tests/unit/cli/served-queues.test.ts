// Whether somebody serves a queue is proved for processes of this machine, by pid and start time; a record of the last minutes proves
// nothing for one that was killed, nor one of a worker that ends with another run.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { localProcesses, remedyFor, serves } from '../../../cli/orchestration/served-queues.js';
import { processStart } from '../../../runtime/child/process-identity.js';
import { identityText, parseIdentity, type WorkerIdentity } from '../../../schemas/worker-identity.js';

const nowMs = Date.now();
const asked = { kind: 'workflow', workflowId: 'run/s/mine', nowMs } as const;
const seenMs = nowMs - 1000;

async function identityOf(pid: number, other: Partial<WorkerIdentity> = {}): Promise<string> {
  const { host, machine } = await localProcesses();
  return identityText({ pid, host, machine, start: (await processStart(pid)) ?? '', until: null, ...other });
}

describe('the identity of a worker', () => {
  it.each([null, 'run/2f/kjv', 'suite/2f/seeds of may'])('says all that it is made of, until %s', (until) => {
    const identity = { pid: 4711, host: 'h-1.example', machine: 'ab12', start: '998877', until };
    expect(parseIdentity(identityText(identity))).toEqual(identity);
  });
  it.each(['4711@host', 'somebody', '', '4711@host x'])('of somebody else is none: %j', (text) => {
    expect(parseIdentity(text)).toBeNull();
  });
});

describe('a poller', () => {
  it('of this machine serves while its process lives, and no longer', async () => {
    const local = await localProcesses();
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)']);
    const identity = await identityOf(child.pid ?? 0);
    expect(await serves({ identity, lastMs: seenMs }, asked, local)).toBe('proved');
    // A busy one has not polled for long.
    expect(await serves({ identity, lastMs: nowMs - 200_000 }, asked, local)).toBe('proved');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await serves({ identity, lastMs: seenMs }, asked, local)).toBe('no');
  });

  it('whose pid another process has now does not serve', async () => {
    const identity = await identityOf(process.pid, { start: '1' });
    expect(await serves({ identity, lastMs: seenMs }, asked, await localProcesses())).toBe('no');
  });

  it('that ends with another run does not serve, one that ends with this run does', async () => {
    const local = await localProcesses();
    const other = await identityOf(process.pid, { until: 'run/s/other' });
    expect(await serves({ identity: other, lastMs: seenMs }, asked, local)).toBe('no');
    const own = await identityOf(process.pid, { until: asked.workflowId });
    expect(await serves({ identity: own, lastMs: seenMs }, asked, local)).toBe('proved');
  });

  it('of another machine is likely to serve while it polls; where all its slots may be taken, as long as it is remembered', async () => {
    const local = await localProcesses();
    const identity = await identityOf(1, { host: 'other', machine: 'other' });
    const old = nowMs - 200_000;
    expect(await serves({ identity, lastMs: seenMs }, asked, local)).toBe('likely');
    expect(await serves({ identity, lastMs: old }, asked, local)).toBe('no');
    expect(await serves({ identity, lastMs: old }, { ...asked, kind: 'activity' }, local)).toBe('likely');
  });

  it('of an earlier release is looked for by its pid on this machine', async () => {
    const local = await localProcesses();
    expect(await serves({ identity: `${process.pid}@${local.host}`, lastMs: seenMs }, asked, local)).toBe('likely');
    expect(await serves({ identity: `99999999@${local.host}`, lastMs: seenMs }, asked, local)).toBe('no');
    expect(await serves({ identity: `99999999@other`, lastMs: seenMs }, asked, local)).toBe('likely');
  });
});

it.each([
  ['assay-orchestrate', 'start `assay worker --roles orchestrate`'],
  ['assay-io', 'start `assay worker --roles io`'],
  ['assay-compute-cuda', 'start `assay worker --roles compute --device cuda`'],
  [
    'assay-host-box',
    'start `assay worker --roles io` on box, or `assay worker --roles io --host box` where its files are',
  ],
])('for the queue %s: %s', (queue, remedy) => {
  expect(remedyFor(queue)).toBe(remedy);
});
