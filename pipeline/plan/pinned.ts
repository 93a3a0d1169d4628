// The pinned results of earlier stages: only complete snapshots of the same revision count as upstream.
import type { Commit, Snapshot } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { latestSnapshot, readSnapshotCommits } from '../../storage/records/snapshots.js';
import type { StoredFile } from '../../schemas/stored.js';

export interface Pinned {
  readonly snapshot: Snapshot;
  readonly commits: readonly Commit[];
  readonly segments: readonly StoredFile[];
}

/** The pinned snapshot of a dataset, read once; null where it is not complete for this revision. */
export type PinnedReader = (dataset: string) => Promise<Pinned | null>;

export function createPinnedReader(store: ObjectStore, revision: number): PinnedReader {
  const known = new Map<string, Promise<Pinned | null>>();
  const read = async (dataset: string): Promise<Pinned | null> => {
    const snapshot = await latestSnapshot(store, dataset);
    if (!snapshot?.complete || snapshot.revision !== revision) return null;
    const commits: Commit[] = [];
    for await (const commit of readSnapshotCommits(store, snapshot)) commits.push(commit);
    const segments = snapshot.segments.map(({ key, sha256, bytes }) => ({ key, sha256, bytes }));
    return { snapshot, commits, segments };
  };
  return (dataset) => {
    const found = known.get(dataset) ?? read(dataset);
    known.set(dataset, found);
    return found;
  };
}
