// Every activity tells Temporal that its worker lives for as long as it takes, and no longer.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createActivities } from '../../../activities/create-activities.js';
import type { ActivityDependencies } from '../../../activities/dependencies.js';
import type { Activities } from '../../../activities/messages.js';
import { InputError } from '../../../schemas/errors.js';

const heartbeat = vi.hoisted(() => vi.fn());
vi.mock('@temporalio/activity', async (original) => ({
  ...(await original<object>()),
  Context: {
    current: () => ({
      heartbeat,
      info: { attempt: 1, activityType: 'one' },
      cancellationSignal: new AbortController().signal,
    }),
  },
}));

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  heartbeat.mockReset();
});

const TAKES_MS = 10_000;

/** The activities of a worker whose store takes 10 s to say that it is not there. */
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

it.each([
  ['planStage', { ref, stage: 'tokens', mode: 'missing' }],
  ['publishStage', { ref, stage: 'tokens', manifest: {}, complete: true }],
  ['recordEvent', { ref, type: 'paused', data: {} }],
  ['prepareScheduledRun', { schedule: { ref }, scheduledMs: 0 }],
  ['prepareMember', { ref, member: 0, mode: 'missing' }],
] as const)('%s heartbeats every 3 s while it works, and falls silent with its end', async (name, input) => {
  const activities = slowActivities() as unknown as Record<typeof name, (given: typeof input) => Promise<unknown>>;
  const ended = expect(activities[name](input)).rejects.toThrow('No store there');
  await vi.advanceTimersByTimeAsync(TAKES_MS);
  await ended;
  expect(heartbeat).toHaveBeenCalledTimes(3);
  await vi.advanceTimersByTimeAsync(TAKES_MS);
  expect(heartbeat).toHaveBeenCalledTimes(3);
});
