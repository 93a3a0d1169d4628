// Forgets a run: first the names of its datasets, then its records, so that an interrupted removal can be repeated.
import { ResourceError } from '../../schemas/errors.js';
import type { SuiteRecord } from '../../schemas/suite.js';
import { memberNames } from '../files/matrix.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { readEvents } from '../../storage/records/events.js';
import { snapshotPrefix } from '../../storage/records/key-layout.js';
import { mapParallel } from '../../storage/records/parallel.js';
import { latestRevision } from '../../storage/records/resolved-runs.js';
import { listRevisions, removeRun } from '../../storage/records/runs.js';
import { listDatasets } from '../../storage/records/snapshots.js';
import { findRun, hasEnded } from '../../storage/records/run-history.js';
import { liveHistory } from '../../stages/live-history.js';

const DELETES_AT_ONCE = 32;

export interface Removal {
  readonly run: string;
  readonly datasets: string[];
  readonly records: number;
}

/** @throws ResourceError while the run has not ended, unless forced */
export async function forgetRun(store: ObjectStore, name: string, force: boolean): Promise<Removal> {
  const run = await findRun(store, name);
  const { state } = await liveHistory(await readEvents(store, run));
  if (!force && state !== 'unknown' && !hasEnded(state)) {
    throw new ResourceError(
      `Expected run "${name}" to have ended before it is removed, found it ${state}; end it with \`assay cancel ${name}\`, or give --force if its workflow is gone.`,
      { run: name, state },
    );
  }
  const datasets = (await listDatasets(store, name)).map((entry) => entry.dataset);
  const keys: string[] = [];
  for await (const { key } of store.list(snapshotPrefix(name))) keys.push(key);
  await mapParallel(keys, DELETES_AT_ONCE, (key) => store.delete(key));
  return { run: name, datasets, records: keys.length + (await removeRun(store, name)) };
}

/** Forgets a suite: its runs, then itself. @throws ResourceError while one of them has not ended, unless forced */
export async function forgetSuite(store: ObjectStore, suite: SuiteRecord, force: boolean): Promise<Removal> {
  const datasets: string[] = [];
  let records = 0;
  for (const name of memberNames(suite)) {
    if ((await listRevisions(store, name)).length === 0) continue;
    // A run that another suite has made its own meanwhile, or that was there before, stays.
    if ((await latestRevision(store, name))?.suite !== suite.name) continue;
    const removed = await forgetRun(store, name, force);
    datasets.push(...removed.datasets);
    records += removed.records;
  }
  const own = await forgetRun(store, suite.name, force);
  return { run: suite.name, datasets: [...datasets, ...own.datasets], records: records + own.records };
}
