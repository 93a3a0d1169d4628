// Lots that no worker takes end with the name of their queue; where the queue is only long they wait on, and a history is not filled with
// time-outs: one lot in hand stands for all.
import { ActivityFailure, RetryState, TimeoutFailure, TimeoutType } from '@temporalio/common';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { LotInput, LotResult } from '../../../schemas/messages.js';
import { LIMITS } from '../../../schemas/orchestration.js';
import { LotCalls } from '../../../workflows/lot-calls.js';
import { namesQueue } from '../../../workflows/unserved.js';

const played = vi.hoisted(() => ({
  /** What each call of an activity does, by its limit. */
  answers: [] as (() => Promise<unknown>)[],
  limits: [] as (number | undefined)[],
  served: [] as boolean[],
  slept: [] as number[],
}));
vi.mock('@temporalio/workflow', async (original) => ({
  ...(await original<object>()),
  sleep: (ms: number) => {
    played.slept.push(ms);
    return Promise.resolve();
  },
}));
vi.mock('../../../workflows/options.js', () => ({
  lotActivity: (_queue: string, limit?: number) => () => {
    played.limits.push(limit);
    return played.answers.shift()?.();
  },
  isQueueServed: () => Promise.resolve(played.served.shift() ?? false),
}));

const QUEUE = 'assay-host-box';
const lot = { lot: 0 } as unknown as LotInput;
const done = { finished: true } as unknown as LotResult;

function neverTaken(): ActivityFailure {
  const cause = new TimeoutFailure('not started', undefined, TimeoutType.SCHEDULE_TO_START);
  return new ActivityFailure('timed out', 'runLot', undefined, RetryState.TIMEOUT, undefined, cause);
}

beforeEach(() => {
  for (const list of Object.values(played)) list.length = 0;
});

describe('a lot', () => {
  it('that nobody takes ends the run with the name of the queue, after every look', async () => {
    played.answers.push(() => Promise.reject(neverTaken()));
    await expect(new LotCalls(QUEUE).call(lot, null)).rejects.toMatchObject({
      type: 'ResourceError',
      nonRetryable: true,
      message: expect.stringContaining('Nobody serves the queue assay-host-box') as string,
    });
    expect(played.slept).toEqual(Array.from({ length: LIMITS.serveLooks }, () => LIMITS.serveLookMs));
  });

  it('that waits in a long queue is given again', async () => {
    played.answers.push(
      () => Promise.reject(neverTaken()),
      () => Promise.resolve(done),
    );
    played.served.push(false, true);
    expect(await new LotCalls(QUEUE).call(lot, null)).toBe(done);
    expect(played.limits).toEqual([LIMITS.startMs, LIMITS.startMs]);
    expect(played.slept).toEqual([LIMITS.serveLookMs]);
  });

  it('in hand with others stands for them: one alone has a limit, and the next one after it', async () => {
    const calls = new LotCalls(QUEUE);
    let finish: (result: LotResult) => void = () => undefined;
    const first = new Promise<LotResult>((resolve) => (finish = resolve));
    played.answers.push(
      () => first,
      () => Promise.resolve(done),
      () => Promise.resolve(done),
    );
    const open = calls.call(lot, null);
    await calls.call(lot, null);
    finish(done);
    await open;
    await calls.call(lot, null);
    expect(played.limits).toEqual([LIMITS.startMs, undefined, LIMITS.startMs]);
  });

  it('goes to any worker where the host that has its state does not take it', async () => {
    played.answers.push(
      () => Promise.reject(neverTaken()),
      () => Promise.resolve(done),
    );
    expect(await new LotCalls('assay-compute-cpu').call(lot, QUEUE)).toBe(done);
    expect(played.limits).toEqual([LIMITS.sameHostMs, LIMITS.startMs]);
  });

  it('that fails of itself fails as it did', async () => {
    played.answers.push(() => Promise.reject(new TypeError('its own')));
    await expect(new LotCalls(QUEUE).call(lot, null)).rejects.toThrow('its own');
  });
});

it('what only one host can do names its queue where nobody there takes it', async () => {
  await expect(namesQueue(QUEUE, Promise.reject(neverTaken()))).rejects.toThrow(
    'Nobody serves the queue assay-host-box',
  );
  await expect(namesQueue(QUEUE, Promise.reject(new TypeError('its own')))).rejects.toThrow('its own');
});
