// A scheduled run whose run is active already joins it: it waits, does what is left undone, and fails no more than that run.
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { beforeEach, expect, it, vi } from 'vitest';
import type { RunInput, ScheduledInput } from '../../../schemas/messages.js';
import { LIMITS } from '../../../schemas/orchestration.js';
import { scheduledRun } from '../../../workflows/scheduled-run.js';

const played = vi.hoisted(() => ({
  prepared: [] as (object | null)[],
  starts: [] as (() => Promise<unknown>)[],
  ids: [] as string[],
  slept: [] as number[],
}));
vi.mock('@temporalio/workflow', async (original) => ({
  ...(await original<object>()),
  workflowInfo: () => ({ typedSearchAttributes: { getAll: () => [] }, startTime: new Date(0) }),
  sleep: (ms: number) => {
    played.slept.push(ms);
    return Promise.resolve();
  },
  startChild: (_: unknown, { workflowId }: { workflowId: string }) => {
    played.ids.push(workflowId);
    return played.starts.shift()?.();
  },
}));
vi.mock('../../../workflows/run.js', () => ({ runWorkflow: () => undefined }));
vi.mock('../../../workflows/options.js', () => ({
  prepareOn: () => () => Promise.resolve(played.prepared.shift() ?? null),
}));

const input = { storeId: 's', hostQueue: 'assay-host-h' } as unknown as ScheduledInput;
const prepared = { ref: { run: 'nightly-2026-01-04' } } as unknown as RunInput;
const active = (): Promise<never> =>
  Promise.reject(new WorkflowExecutionAlreadyStartedError('active', 'run/s/nightly-2026-01-04', 'runWorkflow'));
const RESULT = { done: 3, quarantined: 0, different: 0 };

beforeEach(() => {
  for (const list of Object.values(played)) list.length = 0;
});

it('waits for the active run of that name, and has nothing to do where that one did all', async () => {
  played.prepared.push(prepared, prepared, null);
  played.starts.push(active, active);
  expect(await scheduledRun(input)).toBeNull();
  expect(played.slept).toEqual([LIMITS.memberRetryMs, LIMITS.retryGrowth * LIMITS.memberRetryMs]);
});

it('does what the active run left undone', async () => {
  played.prepared.push(prepared, prepared);
  played.starts.push(active, () => Promise.resolve({ result: () => Promise.resolve(RESULT) }));
  expect(await scheduledRun(input)).toEqual(RESULT);
  expect(played.ids).toEqual(['run/s/nightly-2026-01-04', 'run/s/nightly-2026-01-04']);
});

it('fails where its own run fails', async () => {
  played.prepared.push(prepared);
  played.starts.push(() => Promise.resolve({ result: () => Promise.reject(new TypeError('its own')) }));
  await expect(scheduledRun(input)).rejects.toThrow('its own');
});
