// The pinned results of earlier steps: only complete snapshots of the same revision count as upstream.
import type { Commit } from '../schemas/records.js';
import type { Pinned, PinnedReader } from './step.js';
import type { Work } from './work.js';
import type { ObjectStore } from '../storage/objects/object-store.js';
import { latestSnapshot, readSnapshotCommits } from '../storage/records/snapshots.js';

/** Reads each dataset once: what is published later is seen by the next reader. */
export function createPinnedReader(
  store: ObjectStore,
  { name, revision, tokens }: Pick<Work, 'name' | 'revision' | 'tokens'>,
): PinnedReader {
  const known = new Map<string, Promise<Pinned | null>>();
  const revisionOf = (dataset: string): number =>
    tokens.run !== name && dataset.startsWith(`${tokens.run}/`) ? tokens.revision : revision;
  const read = async (dataset: string): Promise<Pinned | null> => {
    const snapshot = await latestSnapshot(store, dataset);
    if (!snapshot?.complete || snapshot.revision !== revisionOf(dataset)) return null;
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
