// A removal that is cut off after any of its deletes leaves a run that reads as whole or as being removed, hides no other run, and can be
// removed by the same command, also where its events are damaged. Nothing that is not of the layout is deleted.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { forgetRun } from '../../../../pipeline/execute/remove-run.js';
import { listRunSummaries } from '../../../../reading/runs/run-summaries.js';
import { planGarbage } from '../../../../storage/gc/collect-garbage.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import type { ObjectStore } from '../../../../storage/objects/object-store.js';
import { appendEvent } from '../../../../storage/records/events.js';
import { listAll } from '../../../../storage/records/record-io.js';
import { orderOfRemoval } from '../../../../storage/records/removal.js';
import { findRun, listActiveRuns } from '../../../../storage/records/run-history.js';
import { readRevisions } from '../../../../storage/records/revisions.js';
import { putAttempt, putBeat, putRunDocument } from '../../../../storage/records/runs.js';
import { latestSnapshot, publishSnapshot } from '../../../../storage/records/snapshots.js';
import { failureOf } from '../../../harness/failure-of.js';
import { KEY, sampleCommit } from '../../storage/records/sample-records.js';

const schema = z.unknown();
const DATASETS = ['r/tokens', 'r/sae/codes'];

async function addRun(store: ObjectStore, name: string, revision: number): Promise<void> {
  const run = { name, revision };
  for (const document of ['config', 'plan'] as const) await putRunDocument(store, run, { document, schema, value: {} });
  for (const type of ['started', 'stage-started', 'completed'])
    await appendEvent(store, run, { type, data: {}, atMs: 1 });
  await putBeat(store, run, { atMs: 1 });
  for (const id of ['a', 'b']) await putAttempt(store, run, { id, value: {}, schema });
}

/** Records of revisions that were stored and nothing else: one, whose removal alone cannot be told. */
const STORED_ALONE = 1;

/** A run of two revisions, a third that was no more than stored, and three versions of two datasets, beside another run. */
async function world(): Promise<ObjectStore> {
  const store = createMemoryStore();
  for (const revision of [1, 2]) await addRun(store, 'r', revision);
  await putRunDocument(store, { name: 'r', revision: 3 }, { document: 'config', schema, value: {} });
  await addRun(store, 'rr', 1);
  for (const dataset of DATASETS)
    for (const commits of [1, 2, 3])
      await publishSnapshot(store, {
        ...{ dataset, stage: 'tokens', key: KEY, tables: ['tokens'], planned: 3, quarantined: 0, revision: 1 },
        ...{
          commits: Array.from({ length: commits }, (_, i) => sampleCommit(i)),
          complete: commits === 3,
          growing: true,
        },
      });
  return store;
}

/** The store as of one whose process dies after some deletes. */
function dying(store: ObjectStore, deletes: number): ObjectStore {
  let left = deletes;
  return Object.assign(Object.create(store) as ObjectStore, {
    ...{ list: store.list.bind(store), get: store.get.bind(store), head: store.head.bind(store) },
    delete: (key: string) => (left-- > 0 ? store.delete(key) : Promise.reject(new RangeError('killed'))),
  });
}

const ownKeys = async (store: ObjectStore): Promise<string[]> =>
  [...(await listAll(store, 'runs/r/')), ...(await listAll(store, 'snapshots/r/'))].map(({ key }) => key);

describe('a removal', () => {
  it('that is cut off after any delete leaves the run whole or being removed, and the same command ends it', async () => {
    const all = (await ownKeys(await world())).length;
    expect(all).toBe(2 * (2 + 3 + 1 + 2) + STORED_ALONE + 2 * 3);
    const others = (await listRunSummaries(await world(), { nowMs: 1 })).filter(({ run }) => run === 'rr');
    for (let deletes = 0; deletes <= all; deletes++) {
      const store = await world();
      const cut = forgetRun(dying(store, deletes), 'r', false);
      if (deletes < all) await expect(cut).rejects.toThrow('killed');
      else await cut;
      expect((await ownKeys(store)).length, `after ${deletes}`).toBe(all - deletes);
      const summaries = await listRunSummaries(store, { nowMs: 1 });
      expect(summaries.filter(({ run }) => run === 'rr')).toEqual(others);
      const state = summaries.find(({ run }) => run === 'r')?.state;
      const isWhole = deletes <= STORED_ALONE;
      expect(state, `after ${deletes}`).toBe(isWhole ? 'completed' : deletes < all ? 'removing' : undefined);
      if (isWhole) expect(await findRun(store, 'r')).toEqual({ name: 'r', revision: 2 });
      if (!isWhole && deletes < all) {
        expect((await failureOf(findRun(store, 'r'))).message).toContain('Finish that with `assay rm r`');
        for (const dataset of DATASETS)
          expect([3, undefined]).toContain((await latestSnapshot(store, dataset))?.commits);
        expect(await listActiveRuns(store)).toEqual([]);
        await planGarbage(store, { nowMs: Date.now() });
      }
      if (deletes < all) expect(await forgetRun(store, 'r', false)).toMatchObject({ records: all - deletes });
      expect(await ownKeys(store)).toEqual([]);
    }
  });

  it('reads as being removed in whatever order the deletes of one step come', async () => {
    const keys = await ownKeys(await world());
    const phases = orderOfRemoval(
      keys.filter((key) => key.startsWith('runs/')),
      keys.filter((key) => key.startsWith('snapshots/')),
    );
    expect(phases.flat().sort()).toEqual([...keys].sort());
    const shuffled = fc.tuple(
      ...phases.map((phase) => fc.shuffledSubarray(phase, { minLength: phase.length, maxLength: phase.length })),
    );
    await fc.assert(
      fc.asyncProperty(shuffled, fc.integer({ min: 2, max: keys.length - 1 }), async (order, deletes) => {
        const store = await world();
        for (const key of order.flat().slice(0, deletes)) await store.delete(key);
        expect(await readRevisions(store, 'r')).toMatchObject({ removing: true, highest: 2 });
        // Also when its events go in any order: how it ended is known for as long as anything is.
        expect(await listActiveRuns(store)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('needs no sound chain of events; `runs` shows such a run as damaged beside the others', async () => {
    const store = await world();
    await store.delete('runs/r/2/events/000000000002.json');
    const states = (await listRunSummaries(store)).map(({ run, state }) => [run, state]);
    expect(states).toEqual([
      ['r', 'damaged'],
      ['rr', 'completed'],
    ]);
    await forgetRun(store, 'r', false);
    expect(await ownKeys(store)).toEqual([]);
  });

  it('is refused while the run is at work, also where its chain is broken, unless it is forced', async () => {
    const store = await world();
    await appendEvent(store, { name: 'r', revision: 2 }, { type: 'started', data: {}, atMs: 2 });
    await store.put('runs/r/2/events/000000000002.json', Buffer.from('{'));
    expect((await failureOf(forgetRun(store, 'r', false))).message).toContain('found it running');
    await forgetRun(store, 'r', true);
    expect(await ownKeys(store)).toEqual([]);
  });

  it('leaves what is not of the layout', async () => {
    const store = await world();
    const foreign = [
      'runs/r/1/photos/a.jpg',
      'runs/r/notes.txt',
      'snapshots/r/50%/000000000001.json',
      'snapshots/r/tokens/letter.json',
    ];
    for (const key of foreign) await store.put(key, Buffer.from('{}'));
    await forgetRun(store, 'r', false);
    expect(await ownKeys(store)).toEqual(foreign);
    expect((await listRunSummaries(store)).map(({ run }) => run)).toEqual(['rr']);
  });
});
