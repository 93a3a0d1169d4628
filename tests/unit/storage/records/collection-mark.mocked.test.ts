// The mark of a collection: one collector at a time, a dead one's mark ends by itself, a slow one notices, and whoever waits too
// long says for whom. Time is played: sleeping takes none.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ResourceError, TransientError } from '../../../../schemas/errors.js';
import { collectGarbage } from '../../../../storage/gc/collect-garbage.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import { processMark } from '../../../../storage/objects/process-mark.js';
import type { ObjectStore } from '../../../../storage/objects/object-store.js';
import { beginCollection, untilCollected } from '../../../../storage/records/collection-mark.js';
import { putDataBytes } from '../../../../storage/records/data-objects.js';
import { failureOf } from '../../../harness/failure-of.js';
import { watchedStore } from '../../../harness/watched-store.js';
import { collect } from './sample-records.js';

const DAY = 24 * 3600_000;
const time = vi.hoisted(() => ({ nowMs: 0, onSleep: (): Promise<unknown> => Promise.resolve() }));

vi.mock('../../../../storage/records/collection-clock.js', () => ({
  startStopwatch: () => {
    const start = time.nowMs;
    return { least: () => time.nowMs - start, most: () => time.nowMs - start };
  },
  sleepFor: async (ms: number) => {
    time.nowMs += ms;
    await time.onSleep();
  },
  repeatEvery: () => () => undefined,
}));

let store: ObjectStore;

beforeEach(() => {
  time.nowMs = 1_800_000_000_000;
  time.onSleep = () => Promise.resolve();
  store = createMemoryStore(() => time.nowMs);
});

const marks = async (): Promise<string[]> =>
  (await collect(store.list('collections/'))).map(({ key }) => key.slice(12));
const N1 = '000000000001';

async function waited(): Promise<number> {
  const before = time.nowMs;
  await untilCollected(store);
  return (time.nowMs - before) / 1000;
}

/** The mark of a collector of this machine whose process is gone; its owner. */
async function markOfKilled(): Promise<string> {
  const [, , space] = processMark().split('.');
  const owner = `here/999999999/999999999.5.${space}/x`;
  const mark = { formatVersion: 1, n: 1, owner, startedMs: time.nowMs };
  await store.put(`collections/${N1}.json`, Buffer.from(JSON.stringify(mark)));
  return owner;
}

/** The first collector gives a sign of life now and then. */
function keepAlive(): void {
  time.onSleep = () => store.put(`collections/${N1}/sign.json`, Buffer.from('{}'));
}

describe('the mark of a collection', () => {
  it('makes nobody wait before there is one and after its end, and numbers go up', async () => {
    expect(await waited()).toBe(0);
    for (const n of [1, 2, 3]) {
      const collection = await beginCollection(store);
      expect(collection.startedMs).toBe(time.nowMs);
      await collection.end(true);
      expect(await marks()).toEqual([`00000000000${n}.json`, `00000000000${n}/end.json`]);
      expect(await waited()).toBe(0);
    }
  });

  it('refuses a second collector while the first gives signs of life, naming the first', async () => {
    await beginCollection(store);
    keepAlive();
    const error = await failureOf(beginCollection(store));
    expect(error).toBeInstanceOf(ResourceError);
    expect(error.message).toContain(String(process.pid));
    expect(await marks()).toEqual([`${N1}.json`, `${N1}/sign.json`]);
  });

  it('of a dead collector is broken after two minutes without a sign and over one minute later, for all that come then', async () => {
    await beginCollection(store);
    expect(await waited()).toBeGreaterThanOrEqual(180);
    expect(await marks()).toEqual([`${N1}.json`, `${N1}/broken.json`, `${N1}/end.json`]);
    expect(await waited()).toBe(0);
    await (await beginCollection(store)).end(true);
    expect(await marks()).toEqual(['000000000002.json', '000000000002/end.json']);
  });

  it.each([
    ['a folder', true, { least: 5, most: 10 }],
    ['S3, where a request may still be under way', undefined, { least: 60, most: 70 }],
  ])('of a process of this machine that was killed is over soon: %s', async (_, requestsEndWithProcess, bounds) => {
    const { least, most } = bounds;
    const owner = await markOfKilled();
    Object.defineProperty(store, 'requestsEndWithProcess', { value: requestsEndWithProcess });
    const told: unknown[] = [];
    const before = time.nowMs;
    await untilCollected(store, { onWait: (wait) => told.push(wait) });
    expect((time.nowMs - before) / 1000).toBeGreaterThanOrEqual(least);
    expect((time.nowMs - before) / 1000).toBeLessThan(most);
    expect(told).toEqual([{ owner, sinceMs: before, dead: true }]);
  });

  it('that its collector had broken before it was killed stands for a minute, also in a folder', async () => {
    const owner = await markOfKilled();
    Object.defineProperty(store, 'requestsEndWithProcess', { value: true });
    await store.put(`collections/${N1}/broken.json`, Buffer.from('{}'));
    const before = time.nowMs;
    const told: unknown[] = [];
    await untilCollected(store, { onWait: (wait) => told.push(wait) });
    expect(time.nowMs - before).toBeGreaterThanOrEqual(60_000);
    expect(told).toEqual([{ owner, sinceMs: before, dead: false }]);
  });

  it('that is broken by another between two looks stands for a minute for this waiter', async () => {
    await markOfKilled();
    Object.defineProperty(store, 'requestsEndWithProcess', { value: true });
    const late = watchedStore(store, {
      putIfAbsent: async (key, body, options) => {
        // The collector's own word, written after this waiter's look and before its death.
        if (key.endsWith('/broken.json')) await store.put(key, Buffer.from('{"formatVersion":1,"by":"it","atMs":1}'));
        return store.putIfAbsent(key, body, options);
      },
    });
    const before = time.nowMs;
    await untilCollected(late);
    expect(time.nowMs - before).toBeGreaterThanOrEqual(60_000);
  });

  it.each([
    ['lives', (): string => processMark()],
    ['is of another machine', (): string => '999999999.5.0123456789ab'],
    ['is of an earlier release', (): string => ''],
  ])('of a collector that %s is not taken for dead before its time', async (_, mark) => {
    const value = { formatVersion: 1, n: 1, owner: `here/1/${mark()}/x`, startedMs: time.nowMs };
    await store.put(`collections/${N1}.json`, Buffer.from(JSON.stringify(value)));
    expect(await waited()).toBeGreaterThanOrEqual(180);
  });

  it('that was broken ends what its collector does as soon as that looks', async () => {
    const collection = await beginCollection(store);
    await collection.hold();
    time.nowMs += 11_000;
    await collection.hold();
    await store.putIfAbsent(`collections/${N1}/broken.json`, Buffer.from('{}'));
    time.nowMs += 11_000;
    const error = await failureOf(collection.hold());
    expect(error).toBeInstanceOf(ResourceError);
    expect(error.message).toMatch(/taken for dead \(collection 1\); nothing more is removed/);
  });

  it('stays broken for a minute where a request to remove something was given up', async () => {
    await putDataBytes(store, { bytes: Buffer.from('orphan'), extension: 'bin' });
    time.nowMs += 3 * DAY;
    const hanging = watchedStore(store, {
      delete: (key) => {
        if (!key.startsWith('data/')) return store.delete(key);
        throw new TransientError('no answer');
      },
    });
    expect(await failureOf(collectGarbage(hanging))).toBeInstanceOf(TransientError);
    expect(await marks()).toEqual([`${N1}.json`, `${N1}/broken.json`]);
    expect(await waited()).toBeGreaterThanOrEqual(60);
    expect(await collectGarbage(store)).toMatchObject({ removed: 1 });
  });

  it('of a collector that works for very long is told to whoever waits, with owner and age', async () => {
    await beginCollection(store);
    keepAlive();
    const error = await failureOf(untilCollected(store));
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toMatch(/begun 2027-01-15T.*within 10 minutes/);
    expect(error.message).toContain(String(process.pid));
  });
});
