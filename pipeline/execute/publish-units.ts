// Publishes what stages have committed as snapshots of their datasets, without a manifest: for stages that one process runs.
import { readCommits } from '../../storage/records/commits.js';
import { listQuarantineInputs } from '../../storage/records/quarantine.js';
import { knownCommits, publishSnapshot } from '../../storage/records/snapshots.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { StageUnits } from '../plan/stage-units.js';

export interface Published {
  readonly planned: number;
  readonly committed: number;
  readonly quarantined: number;
}

/** Snapshots of the datasets of a stage; a dataset without any commit is not published. Counts over different keys. */
export async function publishUnits(store: ObjectStore, units: StageUnits, revision: number): Promise<Published> {
  const total = { planned: 0, committed: 0, quarantined: 0 };
  const counted = new Set<string>();
  const { stage } = units;
  for (const { dataset, tables, key, group } of units.datasets) {
    const items = units.groups.find((g) => g.group === group)?.units ?? [];
    const inputs = items.map(({ item }) => item.input);
    const known = await knownCommits(store, dataset, { stage, key });
    const commits = await readCommits(store, { stage, key, inputs, known });
    const have = new Set(commits.map((commit) => commit.input));
    const bad = await listQuarantineInputs(store, stage, key);
    const quarantined = inputs.filter((input) => !have.has(input) && bad.has(input)).length;
    const complete = commits.length + quarantined === inputs.length;
    const rest = { planned: inputs.length, quarantined, revision, complete, commits };
    if (commits.length > 0) await publishSnapshot(store, { dataset, stage, key, tables, ...rest });
    if (counted.has(key)) continue;
    counted.add(key);
    total.planned += inputs.length;
    total.committed += commits.length;
    total.quarantined += quarantined;
  }
  return total;
}
