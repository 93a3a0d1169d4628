// Finds datasets and pins their latest snapshots: everything that a command reads goes through one of these.
import { InputError } from '../../schemas/errors.js';
import type { Commit, ObjectRecord, Snapshot } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { mapParallel } from '../../storage/records/parallel.js';
import { getSnapshot, latestSnapshot, listDatasets, readSnapshotCommits } from '../../storage/records/snapshots.js';
import { findDataset, findDictionary, type DictionaryName } from './given-names.js';

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

/** The dictionary that `DICT` or `RUN/DICT` means. @throws InputError for none or several */
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
  return findDictionary(
    given,
    (await listDatasets(store)).map((entry) => entry.dataset),
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
