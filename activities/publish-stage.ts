// Publishes what a stage has committed so far as snapshots of its datasets, and counts what is there and what is not.
import type { ManifestRef, RunRef, StageFinished } from '../schemas/messages.js';
import type { StageName } from '../schemas/stages.js';
import { readDatasets } from '../pipeline/lot/manifest.js';
import { readCommits } from '../storage/records/commits.js';
import { listQuarantineInputs } from '../storage/records/quarantine.js';
import { knownCommits, publishSnapshot } from '../storage/records/snapshots.js';
import type { ActivityDependencies } from './dependencies.js';

export async function publishStageActivity(
  input: {
    readonly ref: RunRef;
    readonly stage: StageName;
    readonly manifest: ManifestRef;
    readonly complete: boolean;
  },
  dependencies: ActivityDependencies,
): Promise<StageFinished> {
  const { ref, stage, manifest, complete } = input;
  const store = await dependencies.openStore(ref.store.url, ref.store.options);
  const { datasets, inputsOf } = await readDatasets(store, manifest);
  const total = { planned: 0, committed: 0, quarantined: 0 };
  const emptySplits = new Set<string>();
  const counted = new Set<string>();
  for (const { dataset, tables, key, inputs: list } of datasets) {
    const planned = await inputsOf(list);
    const known = await knownCommits(store, dataset, { stage, key });
    const commits = await readCommits(store, {
      stage,
      key,
      inputs: planned.map(([name]) => name),
      known,
    });
    const have = new Set(commits.map((commit) => commit.input));
    const bad = await listQuarantineInputs(store, stage, key);
    const quarantined = planned.filter(([name]) => !have.has(name) && bad.has(name)).length;
    await publishSnapshot(store, {
      dataset,
      stage,
      key,
      tables,
      commits,
      planned: planned.length,
      quarantined,
      revision: ref.revision,
      complete,
    });
    if (counted.has(key)) continue;
    counted.add(key);
    total.planned += planned.length;
    total.committed += have.size;
    total.quarantined += quarantined;
    const splits = (some: readonly (readonly [string, string | null])[]): Set<string | null> =>
      new Set(some.map(([, split]) => split));
    const left = splits(planned.filter(([name]) => have.has(name)));
    for (const split of splits(planned)) if (split !== null && !left.has(split)) emptySplits.add(split);
  }
  return { ...total, emptySplits: [...emptySplits] };
}
