// Two writers of one dataset, as where a publishing activity was started a second time: at whatever moment the one with more comes in
// between, what stands in the end is the one that says more.
import { describe, expect, it } from 'vitest';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import type { ObjectStore } from '../../../../storage/objects/object-store.js';
import { latestSnapshot, publishSnapshot, type NewSnapshot } from '../../../../storage/records/snapshots.js';
import { KEY, sampleCommit } from './sample-records.js';

const DATASET = 'run/tokens';
const CALLS = ['get', 'head', 'putIfAbsent', 'put', 'list'] as const;

function snapshotOf(commits: number, changes: Partial<NewSnapshot> = {}): NewSnapshot {
  return {
    ...{ dataset: DATASET, stage: 'tokens', key: KEY, tables: ['tokens'], planned: 5, quarantined: 0, revision: 1 },
    commits: Array.from({ length: commits }, (_, i) => sampleCommit(i)),
    complete: false,
    growing: true,
    ...changes,
  };
}

const whole = (changes: Partial<NewSnapshot> = {}): NewSnapshot =>
  snapshotOf(5, { complete: true, growing: false, ...changes });

/** A store that does something before its call number `at`; `calls` counts them. */
function interrupted(
  store: ObjectStore,
  at: number,
  act: () => Promise<unknown>,
): { store: ObjectStore; calls: number } {
  const state = { store, calls: 0 };
  const before = async (): Promise<void> => {
    if (state.calls++ === at) await act();
  };
  state.store = new Proxy(store, {
    get(target, name: keyof ObjectStore) {
      const method = Reflect.get(target, name) as (...args: unknown[]) => unknown;
      if (!CALLS.includes(name as (typeof CALLS)[number])) return method;
      if (name === 'list')
        return async function* (...args: Parameters<ObjectStore['list']>) {
          await before();
          yield* target.list(...args);
        };
      return async (...args: unknown[]) => {
        await before();
        return method.apply(target, args);
      };
    },
  });
  return state;
}

/** Publishes `slow`, and `quick` before each of its calls in turn. Returns what stood each time. */
async function interleave(slow: NewSnapshot, quick: NewSnapshot, first?: NewSnapshot): Promise<NewSnapshot[]> {
  const ends: NewSnapshot[] = [];
  for (let at = 0; ; at++) {
    const store = createMemoryStore();
    if (first) await publishSnapshot(store, first);
    const own = interrupted(store, at, () => publishSnapshot(store, quick));
    await publishSnapshot(own.store, slow);
    if (own.calls <= at) return ends;
    ends.push((await latestSnapshot(store, DATASET)) as unknown as NewSnapshot);
  }
}

describe('a snapshot that comes late', () => {
  it.each([
    ['of a dataset that is new', undefined],
    ['of a dataset that has some', snapshotOf(2)],
  ])('a growing one never stands over the complete one, %s', async (_, first) => {
    const ends = await interleave(snapshotOf(3), whole(), first);
    expect(ends.length).toBeGreaterThan(2);
    for (const end of ends) expect(end).toMatchObject({ complete: true, commits: 5 });
  });

  it('a growing one never stands over one that has grown further', async () => {
    for (const end of await interleave(snapshotOf(2), snapshotOf(4))) expect(end).toMatchObject({ commits: 4 });
  });

  it('one of an earlier revision never stands over one of a later', async () => {
    for (const end of await interleave(whole(), snapshotOf(1, { revision: 2 })))
      expect(end).toMatchObject({ revision: 2 });
  });

  it('a growing one of a later revision does take the place of the complete one of the earlier', async () => {
    const store = createMemoryStore();
    await publishSnapshot(store, whole());
    await publishSnapshot(store, snapshotOf(1, { revision: 2 }));
    expect(await latestSnapshot(store, DATASET)).toMatchObject({ revision: 2, complete: false, commits: 1 });
  });

  it('what is said of a dataset whose commits were removed may say less', async () => {
    const store = createMemoryStore();
    await publishSnapshot(store, whole());
    await publishSnapshot(store, snapshotOf(1, { growing: false }));
    expect(await latestSnapshot(store, DATASET)).toMatchObject({ complete: false, commits: 1 });
  });
});
