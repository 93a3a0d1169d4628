// What is in hand may finish after a pause or at the end of a worker, and is let go soon where the run was cancelled.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FINISH_MS, overdue, releaseAfter } from '../../../activities/release.js';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** When what is in hand is let go, seconds after the stop; null within the first minute. */
async function releasedAfter(cancelled: () => Promise<boolean>, endsAfter = 60): Promise<number | null> {
  const stop = new AbortController();
  const release = new AbortController();
  const end = releaseAfter(stop.signal, release, cancelled);
  stop.abort();
  let at: number | null = null;
  for (let second = 0; second <= 60; second++) {
    await vi.advanceTimersByTimeAsync(second === 0 ? 0 : 1000);
    if (second === endsAfter) end();
    if (release.signal.aborted) at ??= second;
  }
  expect(vi.getTimerCount()).toBe(0);
  return at;
}

it('after a pause what is in hand has 18 s', async () => {
  expect(await releasedAfter(() => Promise.resolve(false))).toBe(FINISH_MS.stopped / 1000);
});

it('after a cancellation it has 2 s', async () => {
  expect(await releasedAfter(() => Promise.resolve(true))).toBe(FINISH_MS.cancelled / 1000);
});

it('a run that is cancelled while it is being paused waits no longer than after a cancellation', async () => {
  const started = Date.now();
  expect(await releasedAfter(() => Promise.resolve(Date.now() - started >= 5000))).toBe(7);
});

it('a server that does not answer counts as a pause', async () => {
  expect(await releasedAfter(() => Promise.reject(new Error('no server')))).toBe(18);
});

it('nothing is let go once the work has ended', async () => {
  expect(await releasedAfter(() => Promise.resolve(true), 1)).toBeNull();
});

it('whoever waits for work that does not obey is let go', async () => {
  const signal = new AbortController();
  const late = overdue(signal.signal, 1000);
  const ended = expect(late.rejected).rejects.toThrow('the reason');
  await vi.advanceTimersByTimeAsync(5000);
  signal.abort(new Error('the reason'));
  await vi.advanceTimersByTimeAsync(1000);
  await ended;
});
