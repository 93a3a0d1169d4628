// A lot does each item once over stops, dead attempts and dying children; bad data is quarantined, other faults are
// not.
import { readdir } from 'node:fs/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { DataError, ResourceError, TransientError } from '../../../../schemas/errors.js';
import type { LotCursor } from '../../../../pipeline/lot/cursor.js';
import { decodeError, encodeError } from '../../../../runtime/child/wire-error.js';
import { runLotItems, type LotOptions } from '../../../../pipeline/lot/run-lot.js';
import type { WorkItem } from '../../../../stages/stage.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';

const spoolRoot = temporaryFolder('lot');
afterAll(async () => {
  expect(await readdir(spoolRoot)).toEqual([]);
});

const items = ['a', 'b', 'c', 'd'].map((shard): WorkItem => ({
  ...{ stage: 'encode', keys: ['k'], input: `in-${shard}/`, inputs: {}, shard },
  ...{ split: null, size: 1, aux: {} },
}));

interface Script {
  /** What an item does instead of succeeding. */
  readonly fails?: (shard: string, attempt: number) => Error | null;
  readonly committed?: readonly string[];
  readonly onRun?: (shard: string) => void;
  readonly options?: Partial<LotOptions>;
}

async function runScript(script: Script = {}): Promise<{
  readonly result: PromiseSettledResult<Awaited<ReturnType<typeof runLotItems>>>;
  readonly ran: string[];
  readonly quarantined: {
    readonly shard: string;
    readonly attempts: number;
    readonly message: string;
  }[];
  readonly cursor: LotCursor | undefined;
}> {
  const ran: string[] = [];
  const quarantined: { shard: string; attempts: number; message: string }[] = [];
  const cursors: LotCursor[] = [];
  const [result] = await Promise.allSettled([
    runLotItems(
      {
        runItem: ({ shard }) => {
          ran.push(shard);
          script.onRun?.(shard);
          const error = script.fails?.(shard, ran.filter((name) => name === shard).length);
          return error ? Promise.reject(error) : Promise.resolve({ finished: true, different: 0 });
        },
        isCommitted: ({ shard }) => Promise.resolve(script.committed?.includes(shard) ?? false),
        quarantine: ({ shard }, { message }, attempts) => {
          quarantined.push({ shard, attempts, message });
          return Promise.resolve();
        },
        onCursor: (cursor) => cursors.push(cursor),
      },
      {
        ...{ items, previous: null, from: 0, recheck: false, concurrency: 1, spoolRoot },
        stop: new AbortController().signal,
        ...script.options,
      },
    ),
  ]);
  return { result, ran, quarantined, cursor: cursors.at(-1) };
}

const died = (): Error => new TransientError('A compute child died.', { childDied: true });

describe('a lot', () => {
  it('runs every item once and tells a cursor that names all of them', async () => {
    expect((await runScript({})).ran).toEqual(['a', 'b', 'c', 'd']);
    const { result, ran, cursor } = await runScript({ options: { concurrency: 2 } });
    // Two at a time: which of two that begin together comes first is nobody's promise.
    expect(ran.toSorted()).toEqual(['a', 'b', 'c', 'd']);
    expect(result).toMatchObject({ value: { done: 4, quarantined: 0, finished: true, ended: 4 } });
    expect(cursor).toMatchObject({ inHand: {}, counted: { done: 4 } });
    expect(cursor?.ended).toEqual([[0, 4]]);
  });

  it('stops at the next item when asked, and goes on there when it is given out again', async () => {
    const stop = new AbortController();
    const first = await runScript({
      onRun: (shard) => {
        if (shard === 'b') stop.abort();
      },
      options: { stop: stop.signal },
    });
    expect(first.result).toMatchObject({ value: { done: 2, finished: false, ended: 2 } });
    const second = await runScript({ options: { from: 2 } });
    expect(second.ran).toEqual(['c', 'd']);
    expect(second.result).toMatchObject({ value: { done: 2, finished: true, ended: 4 } });
  });

  it('goes on from the cursor of an attempt that died, and reports what that one had done', async () => {
    const previous = {
      ended: [[0, 2] as [number, number]],
      inHand: { 2: 1 },
      counted: { done: 1, quarantined: 1, different: 0 },
    };
    const { ran, result } = await runScript({ options: { previous } });
    expect(ran).toEqual(['c', 'd']);
    expect(result).toMatchObject({ value: { done: 3, quarantined: 1, finished: true } });
  });

  it('does not do again what an attempt committed and had no time to tell', async () => {
    const { ran, result } = await runScript({ committed: ['a', 'c'], options: { recheck: true } });
    expect(ran).toEqual(['b', 'd']);
    expect(result).toMatchObject({ value: { done: 4, finished: true, ended: 4 } });
  });

  it('quarantines bad data and a shard on which the child dies twice, and does the rest', async () => {
    const { result, quarantined, ran } = await runScript({
      fails: (shard) => (shard === 'b' ? new DataError('NaN at 3') : shard === 'c' ? died() : null),
    });
    expect(ran).toEqual(['a', 'b', 'c', 'c', 'd']);
    expect(result).toMatchObject({ value: { done: 2, quarantined: 2, finished: true, ended: 4 } });
    expect(quarantined).toMatchObject([
      { shard: 'b', attempts: 1, message: 'NaN at 3' },
      { shard: 'c', attempts: 2 },
    ]);
    expect(quarantined[1]?.message).toContain('The compute child died 2 times on shard c');
  });

  it('a child that dies once costs nothing but time', async () => {
    const fails = (shard: string, attempt: number): Error | null => (shard === 'b' && attempt === 1 ? died() : null);
    const { result, quarantined } = await runScript({ fails });
    expect(result).toMatchObject({ value: { done: 4, quarantined: 0 } });
    expect(quarantined).toEqual([]);
  });

  it('passes on what is no fault of a shard, and counts no death for it', async () => {
    const full = new ResourceError('The disk is full.');
    const { result, quarantined, cursor } = await runScript({
      fails: (shard) => (shard === 'b' ? full : null),
    });
    expect(result).toMatchObject({ status: 'rejected', reason: full });
    expect(quarantined).toEqual([]);
    expect(cursor).toMatchObject({ ended: [[0, 1]], inHand: { 1: 0 } });
  });

  it('quarantines a shard with which five workers died', async () => {
    const previous = { ended: [[0, 1] as [number, number]], inHand: { 1: 5 } };
    const { quarantined, ran } = await runScript({ options: { previous } });
    expect(ran).toEqual(['c', 'd']);
    expect(quarantined).toMatchObject([{ shard: 'b', attempts: 5 }]);
    expect(quarantined[0]?.message).toContain('The worker died 5 times');
  });
});

describe('errors that no shard is to blame for', () => {
  it.each([
    ['a full disk', Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })],
    ['too many open files', Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' })],
    ['a failing disk', Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' })],
    ['an error that nobody foresaw', new TypeError('x is not a function')],
  ])('%s in a compute child quarantines nothing and ends the lot with its reason', async (_, thrown) => {
    const { result, quarantined } = await runScript({
      fails: (shard) => (shard === 'b' ? decodeError(structuredClone(encodeError(thrown))) : null),
    });
    expect(quarantined).toEqual([]);
    expect(result).toMatchObject({ status: 'rejected' });
    const reason: unknown = result.status === 'rejected' ? result.reason : null;
    expect(reason).toBeInstanceOf(ResourceError);
    expect((reason as Error).message).toContain((thrown as { code?: string }).code ?? thrown.message);
  });
});
