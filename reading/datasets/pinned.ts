// Finds datasets and pins their latest snapshots: everything that a command reads goes through one of these.
import { DataError, InputError } from '../../schemas/errors.js';
import type { Commit, ObjectRecord, Snapshot } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { mapParallel } from '../../storage/records/parallel.js';
import { latestRevision } from '../../storage/records/resolved-runs.js';
import { listRuns } from '../../storage/records/revisions.js';
import { getSnapshot, latestSnapshot, listDatasets, readSnapshotCommits } from '../../storage/records/snapshots.js';
import { dictionariesOf, findDataset, findDictionary, isMeant, type DictionaryName } from './given-names.js';

const READS_AT_ONCE = 16;

/** The latest snapshots of all datasets, in the order of names; `run`: only those of that run. */
export async function latestSnapshots(store: ObjectStore, run?: string): Promise<Snapshot[]> {
  const names = await listDatasets(store, run);
  const snapshots = await mapParallel(names, READS_AT_ONCE, ({ dataset, version }) =>
    getSnapshot(store, dataset, version),
  );
  return snapshots.filter((snapshot) => snapshot !== null).sort((a, b) => compare(a.dataset, b.dataset));
}

/** The latest snapshot of a dataset. @throws InputError where there is no such dataset, with the nearest names */
export async function pinDataset(store: ObjectStore, name: string): Promise<Snapshot> {
  const direct = isPlausible(name) ? await latestSnapshot(store, name) : null;
  if (direct !== null) return direct;
  const names = (await listDatasets(store)).map((entry) => entry.dataset);
  const found = await latestSnapshot(store, findDataset(name, names));
  if (found !== null) return found;
  throw new InputError(`Expected a snapshot of "${name}", found none: it was removed just now.`, {
    name,
  });
}

/** The dictionary that `DICT` or `RUN/DICT` means. @throws InputError for none, for one of which nothing is written yet, or several */
export async function resolveDictionary(store: ObjectStore, given: string): Promise<DictionaryName> {
  const [run, dictionary, ...rest] = given.split('/');
  if (run && dictionary && rest.length === 0) {
    const within = await listDatasets(store, run);
    const known = within.some(({ dataset }) => dataset.startsWith(`${run}/${dictionary}/`));
    if (known)
      return findDictionary(
        given,
        within.map((entry) => entry.dataset),
      );
  }
  const datasets = (await listDatasets(store)).map((entry) => entry.dataset);
  if (!dictionariesOf(datasets).some((name) => isMeant(given, name))) await refuseUnwritten(store, given);
  return findDictionary(given, datasets);
}

/** @throws InputError where a run has a dictionary of that name in its file, and nothing of it in the store */
async function refuseUnwritten(store: ObjectStore, given: string): Promise<void> {
  const [run = ''] = given.split('/');
  const names = given.includes('/')
    ? [run]
    : (await listRuns(store)).filter(({ removing }) => !removing).map(({ name }) => name);
  // A suite, a training and a damaged run have no dictionaries to speak of.
  const runs = await mapParallel(names, READS_AT_ONCE, (name) =>
    latestRevision(store, name).catch((error: unknown) => {
      if (error instanceof InputError || error instanceof DataError) return null;
      throw error;
    }),
  );
  const planned = runs.flatMap((one) =>
    (one?.dictionaries ?? []).map(({ name }) => ({ run: one?.name ?? '', dictionary: name })),
  );
  const found = planned.filter((name) => isMeant(given, name));
  if (found.length === 0) return;
  const texts = found.map((name) => `${name.run}/${name.dictionary}`);
  throw new InputError(
    `Expected a dictionary that the store holds, found that nothing of ${texts.join(', ')} is written yet, neither metrics nor features; how far its run is shows \`assay status ${found[0]?.run ?? ''}\`.`,
    { given, candidates: texts },
  );
}

/** The pinned objects of a snapshot's own tables, in the order of shards. */
export async function snapshotObjects(store: ObjectStore, snapshot: Snapshot): Promise<ObjectRecord[]> {
  const objects: ObjectRecord[] = [];
  for await (const commit of readSnapshotCommits(store, snapshot)) objects.push(...ownObjects(snapshot, commit));
  return objects.sort((a, b) => compare(a.shard, b.shard) || compare(a.key, b.key));
}

function ownObjects(snapshot: Snapshot, commit: Commit): ObjectRecord[] {
  return commit.objects.filter((object) => snapshot.tables.includes(object.table));
}

/** A name that can be looked up directly; others are told what they may mean. */
function isPlausible(name: string): boolean {
  return name.split('/').every((part) => part !== '');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
