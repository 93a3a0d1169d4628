// Reads the stored suites of a store.
import { suiteRecord, type SuiteRecord } from '../../schemas/suite.js';
import type { ObjectStore } from '../objects/object-store.js';
import type { RunRevision } from './key-layout.js';
import { mapParallel } from './parallel.js';
import { listRevisions, listRuns } from './revisions.js';
import { getRunDocument } from './runs.js';

const READS_AT_ONCE = 16;

/** The suite of a revision; null where the name is not a suite's. */
export function readSuite(store: ObjectStore, revision: RunRevision): Promise<SuiteRecord | null> {
  return getRunDocument(store, revision, { document: 'suite', schema: suiteRecord });
}

/** The newest revision of a suite; null where no suite has that name. */
export async function findSuite(store: ObjectStore, name: string): Promise<SuiteRecord | null> {
  const last = (await listRevisions(store, name)).at(-1);
  return last === undefined ? null : readSuite(store, { name, revision: last });
}

/** The newest revision of every suite of the store. */
export async function listSuites(store: ObjectStore): Promise<SuiteRecord[]> {
  const runs = (await listRuns(store)).filter(({ removing }) => !removing);
  const found = await mapParallel(runs, READS_AT_ONCE, ({ name, revisions }) =>
    readSuite(store, { name, revision: revisions.at(-1) ?? 0 }),
  );
  return found.filter((suite) => suite !== null);
}
