// Forgets a run, also one whose records are damaged or half removed: `rm` is the way out of both. Of a suite all is looked at before
// anything goes.
import { z } from 'zod';
import { DataError, ResourceError } from '../../schemas/errors.js';
import type { SuiteRecord } from '../../schemas/suite.js';
import { memberNames } from '../files/matrix.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { readLooseEvents } from '../../storage/records/events.js';
import { removeRun } from '../../storage/records/removal.js';
import { readRevisions } from '../../storage/records/revisions.js';
import { getRunDocument } from '../../storage/records/runs.js';
import { listDatasets } from '../../storage/records/snapshots.js';
import { findRun, hasEnded } from '../../storage/records/run-history.js';
import type { RunRevision } from '../../storage/records/key-layout.js';
import { liveHistory } from '../../stages/live-history.js';

export interface Removal {
  readonly run: string;
  readonly datasets: string[];
  readonly records: number;
}

export interface SuiteRemoval extends Removal {
  /** Runs under names of the suite whose configuration is damaged, so that it does not say whose they are. */
  readonly kept: string[];
}

/** @throws ResourceError while the run has not ended, unless forced; InputError where there is none of that name */
export async function forgetRun(store: ObjectStore, name: string, force: boolean): Promise<Removal> {
  const { removing } = name === '' ? { removing: false } : await readRevisions(store, name);
  const run = removing ? null : await findRun(store, name);
  if (run !== null && !force) await refuseActive(store, run);
  return removeAll(store, name);
}

/**
 * Forgets a suite: its runs, then itself.
 * @throws ResourceError while one of them has not ended, unless forced: then nothing was removed
 */
export async function forgetSuite(store: ObjectStore, suite: SuiteRecord, force: boolean): Promise<SuiteRemoval> {
  const own: string[] = [];
  const kept: string[] = [];
  for (const name of memberNames(suite)) {
    const { revisions, removing } = await readRevisions(store, name);
    const revision = revisions.at(-1);
    // What a removal left goes.
    if (removing) own.push(name);
    if (revision === undefined) continue;
    const owner = await ownerOf(store, { name, revision });
    if (owner === 'damaged') kept.push(name);
    // A run that another suite has made its own meanwhile, or that was there before, stays.
    if (owner === 'damaged' || owner.suite !== suite.name) continue;
    if (!force) await refuseActive(store, { name, revision });
    own.push(name);
  }
  const { removing } = await readRevisions(store, suite.name);
  if (!removing && !force) await refuseActive(store, await findRun(store, suite.name));
  const datasets: string[] = [];
  let records = 0;
  for (const name of [...own, suite.name]) {
    const removed = await removeAll(store, name);
    datasets.push(...removed.datasets);
    records += removed.records;
  }
  return { run: suite.name, datasets, records, kept };
}

const ownedRecord = z.looseObject({ suite: z.string().optional() });

/** The suite that a run says it is of: by that field alone, so that a run which is damaged elsewhere, or of another release, can go. */
async function ownerOf(
  store: ObjectStore,
  run: RunRevision,
): Promise<{ readonly suite?: string | undefined } | 'damaged'> {
  try {
    return (await getRunDocument(store, run, { document: 'config', schema: ownedRecord })) ?? {};
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return 'damaged';
  }
}

/** By what can be read of its events. */
async function refuseActive(store: ObjectStore, run: RunRevision): Promise<void> {
  const { state } = await liveHistory(await readLooseEvents(store, run));
  if (state === 'unknown' || hasEnded(state)) return;
  const { name } = run;
  throw new ResourceError(
    `Expected run "${name}" to have ended before it is removed, found it ${state}; end it with \`assay cancel ${name}\`, or give --force if its workflow is gone.`,
    { run: name, state },
  );
}

async function removeAll(store: ObjectStore, name: string): Promise<Removal> {
  const datasets = (await listDatasets(store, name)).map((entry) => entry.dataset);
  return { run: name, datasets, records: await removeRun(store, name) };
}
