// The removal of a suite takes its own runs, whatever of their configurations it can read, leaves those that do not say whose they are and
// names them, and looks at all of them before the first one goes. What is being removed is no run that the suite has yet to begin.
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { memberNotBegun } from '../../../../cli/orchestration/suites.js';
import { readEnvironment } from '../../../../cli/environment.js';
import { stringIo } from '../../cli/harness.js';
import { forgetSuite } from '../../../../pipeline/execute/remove-run.js';
import { ResourceError } from '../../../../schemas/errors.js';
import type { SuiteRecord } from '../../../../schemas/suite.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import type { ObjectStore } from '../../../../storage/objects/object-store.js';
import { appendEvent } from '../../../../storage/records/events.js';
import { listAll } from '../../../../storage/records/record-io.js';
import { listRuns } from '../../../../storage/records/revisions.js';
import { putRunDocument } from '../../../../storage/records/runs.js';
import { failureOf } from '../../../harness/failure-of.js';

const schema = z.unknown();
const SUITE: SuiteRecord = {
  ...{ formatVersion: 1, kind: 'suite', name: 'all', revision: 1, createdMs: 1, hostId: 'here', folder: '/' },
  ...{ template: { name: 'r{{n}}', matrix: { n: [1, 2, 3] } }, members: 3, parallel: 1 },
  ...{ limitDocuments: null, until: null },
};

/** A suite of three runs, of which each says whose it is and nothing else that a configuration has. */
async function world(): Promise<ObjectStore> {
  const store = createMemoryStore();
  await putRunDocument(store, SUITE, { document: 'suite', schema, value: { ...SUITE } });
  for (const name of ['r1', 'r2', 'r3'])
    await putRunDocument(store, { name, revision: 1 }, { document: 'config', schema, value: { suite: 'all' } });
  for (const name of ['all', 'r1', 'r2', 'r3']) await tell(store, name, 'completed');
  return store;
}

async function tell(store: ObjectStore, name: string, type: string): Promise<void> {
  for (const one of ['started', type])
    await appendEvent(store, { name, revision: 1 }, { type: one, data: {}, atMs: 1 });
}

const namesIn = async (store: ObjectStore): Promise<string[]> => (await listRuns(store)).map(({ name }) => name);

describe('the removal of a suite', () => {
  it('takes runs that say whose they are, though the rest of their configuration cannot be read', async () => {
    const store = await world();
    expect(await forgetSuite(store, SUITE, false)).toMatchObject({ run: 'all', kept: [], records: 4 * 3 });
    expect(await listAll(store, '')).toEqual([]);
  });

  it('leaves a run whose configuration says nothing any more, and names it', async () => {
    const store = await world();
    await store.put('runs/r2/1/config.json', Buffer.from('{'));
    expect(await forgetSuite(store, SUITE, false)).toMatchObject({ kept: ['r2'], records: 3 * 3 });
    expect(await namesIn(store)).toEqual(['r2']);
  });

  it('leaves runs of others under the names of its own, and takes what a removal left', async () => {
    const store = await world();
    await store.put('runs/r1/1/config.json', Buffer.from('{"suite":"other"}'));
    await store.put('runs/r2/1/config.json', Buffer.from('{}'));
    await store.delete('runs/r3/1/config.json');
    expect(await forgetSuite(store, SUITE, false)).toMatchObject({ kept: [], records: 2 + 3 });
    expect(await namesIn(store)).toEqual(['r1', 'r2']);
  });

  it('is refused before anything is deleted while one of its runs, or the suite itself, is at work', async () => {
    for (const name of ['r3', 'all']) {
      const store = await world();
      await tell(store, name, 'stage-started');
      const before = (await listAll(store, '')).map(({ key }) => key);
      const error = await failureOf(forgetSuite(store, SUITE, false));
      expect(error).toBeInstanceOf(ResourceError);
      expect(error.message).toContain(`Expected run "${name}" to have ended`);
      expect((await listAll(store, '')).map(({ key }) => key)).toEqual(before);
      await forgetSuite(store, SUITE, true);
      expect(await listAll(store, '')).toEqual([]);
    }
  });
});

describe('a member of a suite', () => {
  it('that is being removed is not one that the suite has yet to begin', async () => {
    const store = await world();
    await store.delete('runs/r2/1/config.json');
    const context = { io: stringIo({ out: '', err: '' }), environment: readEnvironment({}) };
    expect(await memberNotBegun(store, 'r2', context)).toBeNull();
  });
});
