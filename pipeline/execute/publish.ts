// Publishes what a step has committed as snapshots of its datasets, and counts what is there and what is not. One rule for
// workers and for commands that work alone.
import { DataError } from '../../schemas/errors.js';
import type { StageFinished } from '../../schemas/messages.js';
import type { StageName } from '../../schemas/stages.js';
import type { StepUnits } from '../../stages/step.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { listCommits, readCommits } from '../../storage/records/commits.js';
import { listQuarantineInputs } from '../../storage/records/quarantine.js';
import { knownCommits, publishSnapshot } from '../../storage/records/snapshots.js';
import type { PlannedInput } from '../../storage/records/planned-inputs.js';

export interface Publication {
  readonly stage: StageName;
  readonly revision: number;
  /**
   * growing: never complete, and never in the place of what says more; whole: every planned item is committed or quarantined, else it is refused; found: complete where
   * that is so, and a dataset without any commit is left out.
   */
  readonly as: 'growing' | 'whole' | 'found';
  readonly datasets: readonly {
    readonly dataset: string;
    readonly tables: readonly string[];
    readonly key: string;
    readonly planned: () => Promise<readonly PlannedInput[]>;
  }[];
}

/** The datasets of planned units, for `publish`. */
export function datasetsOf(units: StepUnits): Publication['datasets'] {
  const inputs = new Map(
    units.groups.map(({ group, units: list }) => [group, list.map(({ item }) => [item.input, item.split] as const)]),
  );
  return units.datasets.map(({ dataset, tables, key, group }) => ({
    ...{ dataset, tables, key },
    planned: () => Promise.resolve(inputs.get(group) ?? []),
  }));
}

/** Snapshots of the datasets; counts over different keys. @throws DataError where `whole` was asked and an item is missing */
export async function publish(store: ObjectStore, publication: Publication): Promise<StageFinished> {
  const { stage, revision, as } = publication;
  const total = { planned: 0, committed: 0, quarantined: 0 };
  const emptySplits = new Set<string>();
  const counted = new Set<string>();
  for (const entry of publication.datasets) {
    const { dataset, tables, key } = entry;
    const found = await countOf(store, publication, entry);
    const { planned, commits, have, quarantined } = found;
    const whole = commits.length + quarantined === planned.length;
    if (as === 'whole' && !whole) throw missingCommits(dataset, found);
    const rest = { planned: planned.length, quarantined, revision, complete: whole && as !== 'growing' };
    const growing = as === 'growing';
    if (as !== 'found' || commits.length > 0)
      await publishSnapshot(store, { dataset, stage, key, tables, commits, growing, ...rest });
    if (counted.has(key)) continue;
    counted.add(key);
    total.planned += planned.length;
    total.committed += have.size;
    total.quarantined += quarantined;
    const left = splitsOf(planned.filter(([name]) => have.has(name)));
    for (const split of splitsOf(planned)) if (split !== null && !left.has(split)) emptySplits.add(split);
  }
  return { ...total, emptySplits: [...emptySplits] };
}

interface Counted {
  readonly planned: readonly PlannedInput[];
  readonly commits: Awaited<ReturnType<typeof readCommits>>;
  readonly have: ReadonlySet<string>;
  readonly quarantined: number;
}

async function countOf(
  store: ObjectStore,
  { stage }: Publication,
  { dataset, key, planned: read }: Publication['datasets'][number],
): Promise<Counted> {
  const planned = await read();
  const records = await listCommits(store, stage, key);
  const known = await knownCommits(store, dataset, { stage, key, records });
  const inputs = planned.map(([name]) => name).filter((name) => records.has(name));
  const commits = await readCommits(store, { stage, key, inputs, known });
  const have = new Set(commits.map((commit) => commit.input));
  const bad = await listQuarantineInputs(store, stage, key);
  const quarantined = planned.filter(([name]) => !have.has(name) && bad.has(name)).length;
  return { planned, commits, have, quarantined };
}

function missingCommits(dataset: string, { planned, commits, quarantined }: Counted): DataError {
  return new DataError(
    `Expected ${planned.length} items of ${dataset} to be committed or quarantined before it is published as complete, found ${commits.length} commits and ${quarantined} quarantined; commits were removed meanwhile. Resume the run.`,
    { dataset, planned: planned.length, commits: commits.length, quarantined },
  );
}

function splitsOf(inputs: readonly PlannedInput[]): Set<string | null> {
  return new Set(inputs.map(([, split]) => split));
}
