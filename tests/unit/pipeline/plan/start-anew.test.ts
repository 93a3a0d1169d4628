// Who starts a run, a suite or a training anew over a removal that was cut off finishes that removal first: what it left would else be
// taken for work that goes on for ever, and hold up every collection of garbage.
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { forgetRun } from '../../../../pipeline/execute/remove-run.js';
import { settleRun } from '../../../../pipeline/execute/submit.js';
import { loadRunFile } from '../../../../pipeline/files/load.js';
import { settleSuite } from '../../../../pipeline/plan/suite-records.js';
import { resolveRun, type ResolvedWithUploads } from '../../../../pipeline/resolve/resolve-run.js';
import type { SuiteRecord } from '../../../../schemas/suite.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import type { ObjectStore } from '../../../../storage/objects/object-store.js';
import { appendEvent } from '../../../../storage/records/events.js';
import { listAll } from '../../../../storage/records/record-io.js';
import { findRun, listActiveRuns } from '../../../../storage/records/run-history.js';
import { putRunDocument } from '../../../../storage/records/runs.js';
import { failureOf } from '../../../harness/failure-of.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';
import { writeRun } from '../../cli/pipeline.js';
import { makeProject, small } from '../../stages/language-model/project.js';

const nobody = (): Promise<boolean> => Promise.resolve(false);
const schema = z.unknown();
const documents = Array.from({ length: 8 }, (_, i) => ({ id: `d${i}`, split: 'fit', text: `one ${i} two three four` }));
let file: ResolvedWithUploads;

beforeAll(async () => {
  const loaded = await loadRunFile(await writeRun(temporaryFolder('start-anew')));
  const rest = { revision: 1, until: 'index', limitDocuments: null, hostId: 'here', nowMs: 1 } as const;
  file = await resolveRun(loaded.runFile, { folder: loaded.folder, ...rest });
});

/** Two revisions of a name, the second of which was lost at work. */
async function world(name: string): Promise<ObjectStore> {
  const store = createMemoryStore();
  for (const revision of [1, 2]) {
    for (const document of ['config', 'plan'] as const)
      await putRunDocument(store, { name, revision }, { document, schema, value: {} });
    for (const type of revision === 1 ? ['started', 'completed'] : ['started', 'stage-started'])
      await appendEvent(store, { name, revision }, { type, data: {}, atMs: 1 });
  }
  return store;
}

/** The store after a forced removal that is killed behind so many deletes. */
async function cutAfter(store: ObjectStore, name: string, deletes: number): Promise<ObjectStore> {
  let left = deletes;
  const dying = Object.assign(Object.create(store) as ObjectStore, {
    ...{ list: store.list.bind(store), get: store.get.bind(store), head: store.head.bind(store) },
    delete: (key: string) => (left-- > 0 ? store.delete(key) : Promise.reject(new RangeError('killed'))),
  });
  await expect(forgetRun(dying, name, true)).rejects.toThrow('killed');
  return store;
}

const keysOf = async (store: ObjectStore, name: string): Promise<string[]> =>
  (await listAll(store, `runs/${name}/`)).map(({ key }) => key);

/** That the name is at work in no revision once this one has ended, and that nothing is left of others. */
async function expectAlone(store: ObjectStore, run: { name: string; revision: number }): Promise<void> {
  for (const type of ['started', 'completed']) await appendEvent(store, run, { type, data: {}, atMs: 2 });
  expect(await listActiveRuns(store)).toEqual([]);
  expect(await findRun(store, run.name)).toEqual({ name: run.name, revision: run.revision });
  const others = (await keysOf(store, run.name)).filter((key) => !key.startsWith(`runs/${run.name}/${run.revision}/`));
  expect(others).toEqual([]);
}

describe('what a removal left that was cut off', () => {
  it('goes when its run is started anew, wherever it was cut', async () => {
    for (let deletes = 1; deletes < 8; deletes++) {
      const store = await cutAfter(await world('small'), 'small', deletes);
      const left = await keysOf(store, 'small');
      const highest = left.some((key) => key.startsWith('runs/small/2/')) ? 2 : 1;
      const { run, before, same } = await settleRun(store, file, nobody);
      expect([run.revision, before, same], `after ${deletes}`).toEqual([highest + 1, null, false]);
      await expectAlone(store, run);
    }
  });

  it('stays while the workflow is alive, and is told', async () => {
    const store = await cutAfter(await world('small'), 'small', 3);
    const left = await keysOf(store, 'small');
    const error = await failureOf(settleRun(store, file, () => Promise.resolve(true)));
    expect(error.message).toContain('End it with `assay cancel small`');
    expect(await keysOf(store, 'small')).toEqual(left);
  });

  it('goes with the next revision also where an earlier release had started anew over it', async () => {
    const store = createMemoryStore();
    await appendEvent(store, { name: 'small', revision: 1 }, { type: 'started', data: {}, atMs: 1 });
    const { run } = await settleRun(store, file, nobody);
    await appendEvent(store, { name: 'small', revision: 1 }, { type: 'stage-started', data: {}, atMs: 1 });
    for (const type of ['started', 'completed']) await appendEvent(store, run, { type, data: {}, atMs: 2 });
    expect(await listActiveRuns(store)).toEqual(['small']);
    const next = { ...file, run: { ...file.run, limitDocuments: 3 } };
    const settled = await settleRun(store, next, nobody);
    expect(settled).toMatchObject({ run: { revision: 3 }, before: { revision: 2 } });
    for (const type of ['started', 'completed']) await appendEvent(store, settled.run, { type, data: {}, atMs: 3 });
    expect(await listActiveRuns(store)).toEqual([]);
    expect((await keysOf(store, 'small')).filter((key) => key.startsWith('runs/small/2/')).length).toBeGreaterThan(3);
  });

  it('goes when its suite is started anew', async () => {
    const suite: SuiteRecord = {
      ...{ formatVersion: 1, kind: 'suite', name: 'all', revision: 1, createdMs: 1, hostId: 'here', folder: '/' },
      ...{ template: {}, members: 1, parallel: 1, limitDocuments: null, until: null },
    };
    for (const deletes of [1, 4, 7]) {
      const store = await cutAfter(await world('all'), 'all', deletes);
      await expectAlone(store, (await settleSuite(store, suite, nobody)).suite);
    }
  });

  it('goes when its training is started anew', async () => {
    for (const deletes of [1, 4, 7]) {
      const store = await cutAfter(await world('t'), 't', deletes);
      const { training } = await makeProject({ parts: [documents], models: [small('m')] }, { store });
      await expectAlone(store, training);
    }
  });
});
