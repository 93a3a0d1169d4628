// Which splits of the corpus a dictionary's numbers rest on: those of its encoded shards.
import { SPLITS, type Split } from '../../schemas/stages.js';
import type { Snapshot } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { readSnapshotCommits } from '../../storage/records/snapshots.js';

/** In the order fit, calib, test. */
export async function coveredSplits(store: ObjectStore, acts: Snapshot): Promise<Split[]> {
  const found = new Set<Split | null>();
  for await (const { split } of readSnapshotCommits(store, acts)) found.add(split);
  return SPLITS.filter((split) => found.has(split));
}
