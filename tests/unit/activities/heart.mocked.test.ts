// Every activity tells Temporal that its worker lives for as long as it takes, and no longer; one that is cancelled ends soon, also
// where its work does not obey, and its store takes nothing more from it.
import { CancelledFailure } from '@temporalio/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createActivities } from '../../../activities/create-activities.js';
import type { ActivityDependencies } from '../../../activities/dependencies.js';
import type { Activities } from '../../../activities/messages.js';
import { InputError } from '../../../schemas/errors.js';

const heartbeat = vi.hoisted(() => vi.fn());
const cancelling = vi.hoisted(() => ({ now: new AbortController() }));
vi.mock('@temporalio/activity', async (original) => ({
  ...(await original<object>()),
  Context: {
    current: () => ({
      heartbeat,
      info: { attempt: 1, activityType: 'one' },
      cancellationSignal: cancelling.now.signal,
    }),
  },
}));

beforeEach(() => {
  cancelling.now = new AbortController();
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  heartbeat.mockReset();
});

const TAKES_MS = 11_000;

/** The activities of a worker whose store takes 11 s to say that it is not there. */
function slowActivities(): Activities {
  const dependencies = {
    openStore: () =>
      new Promise((_, reject) => setTimeout(() => reject(new InputError('No store there; name another.')), TAKES_MS)),
    log: { debug() {}, info() {}, warn() {}, error() {} },
    stop: new AbortController().signal,
  };
  return createActivities(dependencies as unknown as ActivityDependencies);
}

const store = { url: 'file:///nowhere', options: {} };
const ref = { store, run: 'small', revision: 1 };
const TEMPLATE = { key: 'data/aa.json', sha256: 'a'.repeat(64), bytes: 1 };

it.each([
  ['planStage', { ref, stage: 'tokens', mode: 'missing' }],
  ['publishStage', { ref, stage: 'tokens', manifest: {}, complete: true }],
  ['recordEvent', { ref, type: 'paused', data: {} }],
  ['prepareScheduledRun', { schedule: { ref }, scheduledMs: 0 }],
  ['prepareMember', { ref, member: 0, mode: 'missing' }],
] as const)('%s heartbeats every 2 s while it works, and falls silent with its end', async (name, input) => {
  const activities = slowActivities() as unknown as Record<typeof name, (given: typeof input) => Promise<unknown>>;
  const ended = expect(activities[name](input)).rejects.toThrow('No store there');
  await vi.advanceTimersByTimeAsync(TAKES_MS);
  await ended;
  expect(heartbeat).toHaveBeenCalledTimes(5);
  await vi.advanceTimersByTimeAsync(TAKES_MS);
  expect(heartbeat).toHaveBeenCalledTimes(5);
});

it.each([
  ['planStage', { ref, stage: 'tokens', mode: 'missing' }],
  ['publishStage', { ref, stage: 'tokens', manifest: TEMPLATE, complete: true }],
  ['prepareScheduledRun', { schedule: { ref, schedule: 'nightly', template: TEMPLATE }, scheduledMs: 0 }],
  ['prepareMember', { ref, member: 0, mode: 'missing' }],
] as const)('%s ends within 2 s of its cancellation, whatever it waits for', async (name, input) => {
  const never = (): Promise<never> => new Promise(() => undefined);
  const dependencies = {
    openStore: () =>
      Promise.resolve({
        url: 'memory://1',
        addressId: 'a',
        ...{ get: never, list: never, head: never, putIfAbsent: never },
      }),
    log: { debug() {}, info() {}, warn() {}, error() {} },
  };
  const activities = createActivities(dependencies as unknown as ActivityDependencies);
  let ended = false;
  const call = (activities as unknown as Record<typeof name, (given: typeof input) => Promise<unknown>>)[name](input);
  call.catch(() => (ended = true));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(ended).toBe(false);
  cancelling.now.abort(new CancelledFailure('CANCELLED'));
  await vi.advanceTimersByTimeAsync(2000);
  await expect(call).rejects.toThrow('CANCELLED');
});
