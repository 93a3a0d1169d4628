// A training is one process: where that one was killed, nothing is left that could say so, and `runs`, `status` and `rm` see it by its pid
// and start time. Of a process of another machine nothing is claimed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { forgetRun } from '../../../pipeline/execute/remove-run.js';
import { Journal } from '../../../pipeline/execute/journal.js';
import { listRunSummaries } from '../../../reading/runs/run-summaries.js';
import { readRunStatus } from '../../../reading/runs/run-status.js';
import { processStart } from '../../../runtime/child/process-identity.js';
import { ownProcess } from '../../../stages/live-history.js';
import { openStore } from '../../../storage/objects/open-store.js';
import type { ObjectStore } from '../../../storage/objects/object-store.js';
import { appendEvent } from '../../../storage/records/events.js';
import { putRunDocument } from '../../../storage/records/runs.js';
import { z } from 'zod';

const RUN = { name: 'tiny', revision: 1 };

async function storeWith(process: Record<string, unknown> | null): Promise<ObjectStore> {
  const store = await openStore(`memory://killed-${Math.random()}`);
  await putRunDocument(store, RUN, { document: 'config', value: {}, schema: z.unknown() });
  if (process !== null) await appendEvent(store, RUN, { type: 'started', data: { process }, atMs: 1 });
  return store;
}

const stateOf = async (store: ObjectStore): Promise<string | undefined> => (await listRunSummaries(store))[0]?.state;

it('a training that was killed is shown as failed with the reason, and can be removed; before, it is running', async () => {
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)']);
  const pid = child.pid ?? 0;
  const store = await storeWith({ ...(await ownProcess()), pid, start: await processStart(pid) });
  expect(await stateOf(store)).toBe('running');
  await expect(forgetRun(store, RUN.name, false)).rejects.toThrow('found it running');
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(await stateOf(store)).toBe('failed');
  expect(await readRunStatus(store, RUN)).toMatchObject({
    state: 'failed',
    reason: expect.stringContaining(`its process (pid ${pid} on `) as string,
  });
  expect(await forgetRun(store, RUN.name, false)).toMatchObject({ run: 'tiny' });
});

it('of a process on another machine, and of a run that names none, nothing is claimed', async () => {
  const far = { ...(await ownProcess()), machine: 'another', start: '1' };
  expect(await stateOf(await storeWith(far))).toBe('running');
  expect(await stateOf(await storeWith({}))).toBe('running');
});

it('a training names its process when it begins, and one that began again is judged by that', async () => {
  const store = await storeWith({ ...(await ownProcess()), start: '1' });
  expect(await stateOf(store)).toBe('failed');
  const journal = new Journal(store, RUN);
  await journal.start();
  expect(await stateOf(store)).toBe('running');
  await journal.end('completed', {});
  expect(await stateOf(store)).toBe('completed');
});
