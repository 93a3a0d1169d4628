// Snapshots depend on content alone, grow in few segments without a gap, and name damage.
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../../../core/identity/canonical-json.js';
import { datasetDigest, sha256Hex } from '../../../../core/identity/digest.js';
import { DataError, InputError } from '../../../../schemas/errors.js';
import type { Commit, Snapshot } from '../../../../schemas/records.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import type { ObjectStore } from '../../../../storage/objects/object-store.js';
import { readSegments, SEGMENT_COMMITS } from '../../../../storage/records/segments.js';
import {
  getSnapshot,
  knownCommits,
  latestSnapshot,
  listDatasets,
  publishSnapshot,
  readSnapshotCommits,
  type NewSnapshot,
} from '../../../../storage/records/snapshots.js';
import { failureOf } from '../../../harness/failure-of.js';
import { listCommits, putCommit } from '../../../../storage/records/commits.js';
import { commitKey } from '../../../../storage/records/key-layout.js';
import { countCalls } from './counting-store.js';
import { collect, KEY, sampleCommit, sampleObject } from './sample-records.js';

const DATASET = 'run/tokens';

function commitsOf(from: number, to: number): Commit[] {
  return Array.from({ length: to - from }, (_, i) => sampleCommit(from + i));
}

function publish(
  store: ObjectStore,
  commits: readonly Commit[],
  changes: Partial<NewSnapshot> = {},
): Promise<Snapshot> {
  return publishSnapshot(store, {
    dataset: DATASET,
    stage: 'tokens',
    key: KEY,
    tables: ['tokens'],
    commits,
    planned: 5000,
    quarantined: 0,
    revision: 1,
    complete: false,
    ...changes,
  });
}

async function inputsIn(store: ObjectStore, snapshot: Snapshot): Promise<string[]> {
  return (await collect(readSnapshotCommits(store, snapshot))).map((commit) => commit.input);
}

const sorted = (commits: readonly Commit[]): string[] => commits.map((c) => c.input).sort();

describe('snapshots', () => {
  it('hold commits, totals and digests per table', async () => {
    const store = createMemoryStore();
    const commits = commitsOf(0, 3).map((commit, i) => ({
      ...commit,
      objects: [sampleObject(`t${i}`), sampleObject(`d${i}`, 'documents')],
    }));
    const snapshot = await publish(store, commits, { tables: ['tokens', 'documents'] });
    expect(snapshot).toMatchObject({ version: 1, commits: 3, planned: 5000, complete: false });
    expect(snapshot.rows).toEqual({ tokens: 9, documents: 9 });
    expect(snapshot.bytes).toEqual({ tokens: 6, documents: 6 });
    const digest = (names: string[], table: string): string =>
      sha256Hex(canonicalJson(names.map((name) => [table, name, sha256Hex(name)])));
    expect(snapshot.digests).toEqual({
      tokens: digest(['t0', 't1', 't2'], 'tokens'),
      documents: digest(['d0', 'd1', 'd2'], 'documents'),
    });
    expect(await latestSnapshot(store, DATASET)).toEqual(snapshot);
    expect(await getSnapshot(store, DATASET, 1)).toEqual(snapshot);
    const inputs = commits.map((c) => c.input).sort();
    expect(await inputsIn(store, snapshot)).toEqual(inputs);
    const all = await collect(readSnapshotCommits(store, snapshot));
    expect(all).toEqual([...commits].sort((a, b) => (a.input < b.input ? -1 : 1)));
  });

  it('of equal content have equal digests, whatever the order and the attempts', async () => {
    const one = await publish(createMemoryStore(), commitsOf(0, 20));
    const other = commitsOf(0, 20).map((c) => ({ ...c, attempt: 'other', wallMs: 9 }));
    const two = await publish(createMemoryStore(), other.reverse());
    expect(two.digests).toEqual(one.digests);
    expect(one.digests['tokens']).toBe(datasetDigest(commitsOf(0, 20).flatMap((commit) => commit.objects)));
  });

  it('are not published anew when nothing changed, and are when anything did', async () => {
    const store = createMemoryStore();
    const first = await publish(store, commitsOf(0, 5));
    expect(await publish(store, commitsOf(0, 5).reverse())).toEqual(first);
    expect((await publish(store, commitsOf(0, 5), { planned: 5, complete: true })).version).toBe(2);
    expect((await publish(store, commitsOf(0, 5), { quarantined: 1 })).version).toBe(3);
    expect((await publish(store, commitsOf(0, 5), { revision: 2 })).version).toBe(4);
    expect((await publish(store, commitsOf(0, 6), { revision: 2 })).version).toBe(5);
  });

  it('take the next number when another publisher was first', async () => {
    const store = createMemoryStore();
    const racing = [2, 3, 4, 5].map((n) => publish(store, commitsOf(0, n)));
    const versions = (await Promise.all(racing)).map((snapshot) => snapshot.version);
    expect([...versions].sort()).toEqual([1, 2, 3, 4]);
    for (const [i, version] of versions.entries()) {
      expect((await getSnapshot(store, DATASET, version))?.commits).toBe(i + 2);
    }
  });

  it('of a growing dataset write what is new, in few segments, and miss nothing', async () => {
    const { store, counts, reset } = countCalls(createMemoryStore());
    const total = 2400;
    let written = 0;
    for (let n = 60; n <= total; n += 60) {
      reset();
      const snapshot = await publish(store, commitsOf(0, n));
      // Head and list of the latest snapshot, a segment or a few, the record: nothing per commit, no segment read back.
      expect(counts()['get'] ?? 0).toBeLessThanOrEqual(1);
      expect(counts()['putIfAbsent']).toBeLessThanOrEqual(4);
      expect(snapshot.segments.reduce((sum, s) => sum + s.commits, 0)).toBe(n);
      // Full segments, and small ones whose sizes at least double.
      expect(snapshot.segments.length).toBeLessThanOrEqual(Math.floor(n / SEGMENT_COMMITS) + 8);
      written += snapshot.segments.at(-1)?.commits ?? 0;
    }
    // 40 publications of 2,400 commits in all: listing each anew would write 60 · (1 + … + 40) = 49,200.
    expect(written).toBeLessThan(12_000);
    const latest = await latestSnapshot(store, DATASET);
    expect(latest).not.toBeNull();
    if (latest === null) return;
    expect(await inputsIn(store, latest)).toEqual(sorted(commitsOf(0, total)));
    const fresh = await publish(createMemoryStore(), commitsOf(0, total));
    expect(latest.digests).toEqual(fresh.digests);
    for (const segment of latest.segments) {
      expect((await store.head(segment.key))?.bytes).toBe(segment.bytes);
    }
  }, 30_000);

  it('give commits in one order, however their segments were cut', async () => {
    const grown = createMemoryStore();
    for (const n of [1400, 1500, 2300]) await publish(grown, commitsOf(0, n));
    const latest = await latestSnapshot(grown, DATASET);
    const once = createMemoryStore();
    const whole = await publish(once, commitsOf(0, 2300));
    if (latest === null) throw new Error('expected a snapshot');
    expect(latest.segments.map((s) => s.sha256)).not.toEqual(whole.segments.map((s) => s.sha256));
    expect(await inputsIn(grown, latest)).toEqual(await inputsIn(once, whole));
  });

  it('leave out a segment whose commits are no longer all wanted', async () => {
    const store = createMemoryStore();
    await publish(store, commitsOf(0, 1500));
    const fewer = commitsOf(0, 1500).filter((_, i) => i % 7 !== 0);
    const snapshot = await publish(store, fewer);
    expect(await inputsIn(store, snapshot)).toEqual(sorted(fewer));
    const key = sha256Hex('another key');
    const others = commitsOf(0, 3).map((commit) => ({ ...commit, key }));
    const next = await publish(store, others, { key });
    expect(next.version).toBe(3);
    expect((await collect(readSnapshotCommits(store, next))).map((c) => c.key)).toEqual([key, key, key]);
  });

  it('may be empty', async () => {
    const store = createMemoryStore();
    const snapshot = await publish(store, []);
    expect(snapshot).toMatchObject({ commits: 0, segments: [], rows: { tokens: 0 } });
    expect(await inputsIn(store, snapshot)).toEqual([]);
    expect(snapshot.digests['tokens']).toBe(sha256Hex('[]'));
  });

  it('are the highest number, and null before the first', async () => {
    const store = createMemoryStore();
    expect(await latestSnapshot(store, DATASET)).toBeNull();
    for (let n = 1; n <= 12; n++) await publish(store, commitsOf(0, n));
    expect((await latestSnapshot(store, DATASET))?.version).toBe(12);
    expect(await latestSnapshot(store, 'run')).toBeNull();
  });

  it('are found by dataset, whatever characters the names have', async () => {
    const store = createMemoryStore();
    const names = ['a run/tokens', 'run/activations/blocks.2.hook_resid_post', 'x/../y', 'ü/ä~b'];
    for (const dataset of names) await publish(store, commitsOf(0, 1), { dataset });
    await publish(store, commitsOf(0, 2), { dataset: 'x/../y' });
    const found = await listDatasets(store);
    expect(new Map(found.map((d) => [d.dataset, d.version]))).toEqual(
      new Map(names.map((name) => [name, name === 'x/../y' ? 2 : 1])),
    );
    for (const name of names) expect((await latestSnapshot(store, name))?.dataset).toBe(name);
    expect(await listDatasets(store, 'ü')).toEqual([{ dataset: 'ü/ä~b', version: 1 }]);
  });

  it('refuse commits of another key, naming both', async () => {
    const error = await failureOf(publish(createMemoryStore(), [sampleCommit(1, { key: sha256Hex('x') })]));
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toContain(`tokens/${KEY}`);
    expect(error.message).toContain(`tokens/${sha256Hex('x')}`);
  });

  it.each([
    [{ planned: 6, quarantined: 0 }, /Expected 6 items of run\/tokens.*found 5 commits and 0 quarantined/],
    [{ planned: 5, quarantined: 1 }, /Expected 5 items.*found 5 commits and 1 quarantined/],
    [{ planned: null, quarantined: 0 }, /Expected a known number of items/],
  ])('refuse to be complete where commits and quarantined are not what was planned: %j', async (changes, message) => {
    const store = createMemoryStore();
    const error = await failureOf(publish(store, commitsOf(0, 5), { ...changes, complete: true }));
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(message);
    expect(await latestSnapshot(store, DATASET)).toBeNull();
  });

  it('spare the reading of commits that a segment holds and that stand unchanged since then', async () => {
    let nowMs = 1_000_000;
    const store = createMemoryStore(() => nowMs);
    const commits = commitsOf(0, 7);
    for (const commit of commits) await putCommit(store, commit);
    nowMs += 10_000;
    await publish(store, commits);
    const knownNow = async (dataset = DATASET, key = KEY): Promise<string[]> => {
      const records = await listCommits(store, 'tokens', KEY);
      return [...(await knownCommits(store, dataset, { stage: 'tokens', key, records })).keys()].sort();
    };
    expect(await knownNow()).toEqual(sorted(commits));
    expect(await knownNow(DATASET, sha256Hex('x'))).toEqual([]);
    expect(await knownNow('run/none')).toEqual([]);
    nowMs += 10_000;
    const [removed, anew, ...rest] = commits;
    for (const commit of [removed, anew]) await store.delete(commitKey(commit as Commit));
    await putCommit(store, anew as Commit);
    expect(await knownNow()).toEqual(sorted(rest));
  });

  it('with a damaged segment name it', async () => {
    const store = createMemoryStore();
    const { segments } = await publish(store, commitsOf(0, 3));
    const [segment] = segments;
    if (segment === undefined) throw new Error('expected a segment');
    await store.put(segment.key, Buffer.from('damaged'));
    const error = await failureOf(collect(readSegments(store, segments)));
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toContain(segment.key);
  });
});
