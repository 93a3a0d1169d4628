// Forgets a run, also one whose records are damaged or half removed: `rm` is the way out of both.
import { ResourceError } from '../../schemas/errors.js';
import type { SuiteRecord } from '../../schemas/suite.js';
import { memberNames } from '../files/matrix.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { readLooseEvents } from '../../storage/records/events.js';
import { removeRun } from '../../storage/records/removal.js';
import { latestRevision } from '../../storage/records/resolved-runs.js';
import { readRevisions } from '../../storage/records/revisions.js';
import { listDatasets } from '../../storage/records/snapshots.js';
import { findRun, hasEnded, type RunState } from '../../storage/records/run-history.js';
import type { RunRevision } from '../../storage/records/key-layout.js';
import { liveHistory } from '../../stages/live-history.js';

export interface Removal {
  readonly run: string;
  readonly datasets: string[];
  readonly records: number;
}

/** @throws ResourceError while the run has not ended, unless forced; InputError where there is none of that name */
export async function forgetRun(store: ObjectStore, name: string, force: boolean): Promise<Removal> {
  const { removing } = name === '' ? { removing: false } : await readRevisions(store, name);
  const state = removing ? 'unknown' : await stateOf(store, await findRun(store, name));
  if (!force && state !== 'unknown' && !hasEnded(state)) {
    throw new ResourceError(
      `Expected run "${name}" to have ended before it is removed, found it ${state}; end it with \`assay cancel ${name}\`, or give --force if its workflow is gone.`,
      { run: name, state },
    );
  }
  const datasets = (await listDatasets(store, name)).map((entry) => entry.dataset);
  return { run: name, datasets, records: await removeRun(store, name) };
}

/** By what can be read of its events. */
async function stateOf(store: ObjectStore, run: RunRevision): Promise<RunState> {
  return (await liveHistory(await readLooseEvents(store, run))).state;
}

/** Forgets a suite: its runs, then itself. @throws ResourceError while one of them has not ended, unless forced */
export async function forgetSuite(store: ObjectStore, suite: SuiteRecord, force: boolean): Promise<Removal> {
  const datasets: string[] = [];
  let records = 0;
  for (const name of memberNames(suite)) {
    const { highest, removing } = await readRevisions(store, name);
    if (highest === 0) continue;
    // A run that another suite has made its own meanwhile, or that was there before, stays; what a removal left goes.
    if (!removing && (await latestRevision(store, name))?.suite !== suite.name) continue;
    const removed = await forgetRun(store, name, force);
    datasets.push(...removed.datasets);
    records += removed.records;
  }
  const own = await forgetRun(store, suite.name, force);
  return { run: suite.name, datasets: [...datasets, ...own.datasets], records: records + own.records };
}
