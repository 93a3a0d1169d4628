// From a resolved run and the pinned results of earlier stages to everything that one stage plans: items, settings, datasets.
// Reads snapshots; decides nothing about what is already done.
import { digestOf } from '../../core/identity/digest.js';
import type { StageName } from '../../schemas/constants.js';
import type { Commit, Snapshot } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { latestSnapshot, readSnapshotCommits } from '../../storage/records/snapshots.js';
import type { PlannedItem } from '../lot/manifest.js';
import type { ResolvedRun } from './resolved-run.js';
import { datasetNames } from './dataset-names.js';

export interface DatasetUnits {
  readonly dataset: string;
  readonly tables: readonly string[];
  readonly key: string;
  /** Which of the unit lists' items commit under `key`. */
  readonly group: string;
}

export interface StageUnits {
  readonly stage: StageName;
  readonly configs: readonly unknown[];
  readonly items: readonly (PlannedItem & { readonly group: string })[];
  readonly datasets: readonly DatasetUnits[];
  /** Pre-images of the keys, for `explain`. */
  readonly preimages: readonly { readonly key: string; readonly preimage: unknown }[];
}

/** The pinned commits of an earlier stage of this revision, in plan order; null when that stage is not complete yet. */
export async function upstream(store: ObjectStore, run: ResolvedRun, dataset: string): Promise<{ snapshot: Snapshot; commits: Commit[] } | null> {
  const snapshot = await latestSnapshot(store, dataset);
  if (!snapshot?.complete || snapshot.revision !== run.revision) return null;
  const commits: Commit[] = [];
  for await (const commit of readSnapshotCommits(store, snapshot)) commits.push(commit);
  return { snapshot, commits };
}

/** Digest of what a training reads: the objects of the pinned snapshot, by split. */
export function activationsDigest(commits: readonly Commit[]): string {
  const entries = commits.filter((c) => c.split !== 'test').map((c) => [c.split, c.shard, c.objects.map((o) => o.sha256)]);
  return digestOf(entries.map((e) => JSON.stringify(e)).sort());
}

export { datasetNames };
