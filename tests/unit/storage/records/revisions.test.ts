// Which revision of a run is taken: one that was started, whatever was stored beside it and in whatever order its commands were refused
// or killed; where none was started, the newest; none of a run that is being removed.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import type { ObjectStore } from '../../../../storage/objects/object-store.js';
import { appendEvent } from '../../../../storage/records/events.js';
import { findRun, listActiveRuns } from '../../../../storage/records/run-history.js';
import { listRuns, readRevisions, whichCount } from '../../../../storage/records/revisions.js';
import { markBegun, putAttempt, putBeat, putRunDocument } from '../../../../storage/records/runs.js';
import { failureOf } from '../../../harness/failure-of.js';

const schema = z.unknown();
const at = (revision: number): { name: string; revision: number } => ({ name: 'r', revision });
const stored = (store: ObjectStore, revision: number): Promise<unknown> =>
  putRunDocument(store, at(revision), { document: 'config', schema, value: {} });

const SIGNS: readonly ((store: ObjectStore, revision: number) => Promise<unknown>)[] = [
  (store, revision) => markBegun(store, at(revision)),
  (store, revision) => putBeat(store, at(revision), {}),
  (store, revision) => putAttempt(store, at(revision), { id: 'x', value: {}, schema }),
  (store, revision) => appendEvent(store, at(revision), { type: 'started', data: {}, atMs: 1 }),
];

describe('the revision that is taken', () => {
  it('is the one that was started, by whatever shows it, not the later one of a file that was refused', async () => {
    for (const sign of SIGNS) {
      const store = createMemoryStore();
      await stored(store, 1);
      await stored(store, 2);
      expect(await findRun(store, 'r')).toEqual(at(2));
      await sign(store, 1);
      expect(await findRun(store, 'r')).toEqual(at(1));
      expect(await readRevisions(store, 'r')).toMatchObject({ revisions: [1], waiting: [2], highest: 2 });
      await sign(store, 2);
      expect(await findRun(store, 'r')).toEqual(at(2));
    }
  });

  it('does not depend on how many attempts and events stand between its configuration and the others', async () => {
    const store = createMemoryStore();
    await stored(store, 1);
    await stored(store, 2);
    for (let n = 0; n < 450; n++) {
      await store.put(`runs/r/1/attempts/${String(n).padStart(3, '0')}.json`, Buffer.from('{}'));
      await store.put(`runs/r/1/events/${String(n).padStart(12, '0')}.json`, Buffer.from('{}'));
    }
    expect(await listRuns(store)).toMatchObject([{ name: 'r', revisions: [1], waiting: [2], removing: false }]);
  });

  it('is none while the newest has records and no configuration; a new one comes after it', async () => {
    const store = createMemoryStore();
    await appendEvent(store, at(3), { type: 'started', data: {}, atMs: 1 });
    expect((await failureOf(findRun(store, 'r'))).message).toMatch(/its removal was interrupted.*`assay rm r`/);
    expect((await failureOf(findRun(store, 'q'))).message).toContain('this store holds none yet');
    expect(await readRevisions(store, 'r')).toMatchObject({ revisions: [], highest: 3, removing: true });
    // It may still be at work: nothing is collected before it is gone for good.
    expect(await listActiveRuns(store)).toEqual(['r']);
    await stored(store, 4);
    expect(await findRun(store, 'r')).toEqual(at(4));
  });

  it('that is being removed is at work or not by its last event, though its chain is none any more', async () => {
    const store = createMemoryStore();
    for (const type of ['started', 'stage-started', 'completed'])
      await appendEvent(store, at(3), { type, data: {}, atMs: 1 });
    await store.delete('runs/r/3/events/000000000001.json');
    expect(await listActiveRuns(store)).toEqual([]);
    await store.delete('runs/r/3/events/000000000003.json');
    expect(await listActiveRuns(store)).toEqual(['r']);
  });

  it('knows no keys but those of the layout', async () => {
    const store = createMemoryStore();
    for (const key of [
      'runs/r/7/notes.txt',
      'runs/r/x/config.json',
      'runs/r/7/events/1.json',
      'runs/r/7/a/config.json',
    ])
      await store.put(key, Buffer.from('{}'));
    expect(await listRuns(store)).toEqual([]);
  });

  it('is by its rule always a started one where there is one, and the newest stored one else', () => {
    const one = fc.record({ revision: fc.integer({ min: 1, max: 30 }), headed: fc.boolean(), begun: fc.boolean() });
    const some = fc.uniqueArray(one, { selector: ({ revision }) => revision });
    fc.assert(
      fc.property(some, (listed) => {
        const { revisions, waiting, highest, removing } = whichCount(listed);
        const newest = [...listed].sort((a, b) => b.revision - a.revision)[0];
        expect(removing).toBe(newest?.headed === false);
        expect(highest).toBe(newest?.revision ?? 0);
        const latest = revisions.at(-1);
        const known = listed.find(({ revision }) => revision === latest);
        if (removing || newest === undefined) {
          expect([...revisions, ...waiting]).toEqual([]);
          return;
        }
        expect(known?.headed).toBe(true);
        if (listed.some(({ headed, begun }) => headed && begun)) expect(known?.begun).toBe(true);
        else expect(latest).toBe(newest.revision);
        for (const revision of waiting) expect(revision).toBeGreaterThan(latest ?? 0);
      }),
    );
  });
});
