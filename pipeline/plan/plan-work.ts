// What of a step is still to do: everything planned minus commits (minus quarantined shards, unless the mode retries them).
import type { StageName } from '../../schemas/stages.js';
import type { ResumeMode } from '../../schemas/messages.js';
import type { CallOptions, ObjectStore } from '../../storage/objects/object-store.js';
import { adoptCommits, listCommits } from '../../storage/records/commits.js';
import { listQuarantineInputs } from '../../storage/records/quarantine.js';
import type { PlannedUnit, StepUnits } from '../../stages/step.js';

export interface StepWork {
  readonly stage: StageName;
  readonly todo: readonly PlannedUnit[];
  readonly planned: number;
  readonly committed: number;
  readonly quarantined: number;
}

/** Items that lack a commit under any of their keys. Costs one listing per key, no request per item. Changes nothing. */
export function planWork(store: ObjectStore, units: StepUnits, mode: ResumeMode): Promise<StepWork> {
  return countWork(store, units, { mode, adopt: false });
}

/** As `planWork`, and the commits that count as done are taken into use: old ones are touched. */
export function adoptWork(
  store: ObjectStore,
  units: StepUnits,
  options: CallOptions & { readonly mode: ResumeMode },
): Promise<StepWork> {
  return countWork(store, units, { ...options, adopt: true });
}

interface Counting extends CallOptions {
  readonly mode: ResumeMode;
  readonly adopt: boolean;
}

async function countWork(store: ObjectStore, units: StepUnits, options: Counting): Promise<StepWork> {
  const { mode } = options;
  const planned = new Set(units.groups.flatMap((g) => g.units.map(({ item }) => item.input)));
  const keys = [...new Set(units.groups.flatMap((g) => g.units.flatMap(({ item }) => item.keys)))];
  const lists = await Promise.all(
    keys.map(async (key) => {
      const [committed, quarantined] = await Promise.all([
        committedInputs(store, { stage: units.stage, key, planned }, options),
        listQuarantineInputs(store, units.stage, key),
      ]);
      return [key, { committed, quarantined }] as const;
    }),
  );
  const byKey = new Map(lists);
  const todo: PlannedUnit[] = [];
  const counts = { planned: 0, committed: 0, quarantined: 0 };
  for (const { item, config } of units.groups.flatMap((g) => g.units)) {
    const missing = item.keys.filter((key) => !byKey.get(key)?.committed.has(item.input));
    const bad = missing.some((key) => byKey.get(key)?.quarantined.has(item.input));
    counts.planned++;
    if (missing.length === 0) counts.committed++;
    else if (bad) counts.quarantined++;
    if (mode === 'all') todo.push({ item, config });
    else if (missing.length > 0 && (mode === 'errored' || !bad))
      todo.push({ item: { ...item, keys: missing }, config });
  }
  return { stage: units.stage, todo, ...counts };
}

async function committedInputs(
  store: ObjectStore,
  of: { readonly stage: StageName; readonly key: string; readonly planned: ReadonlySet<string> },
  { adopt, signal }: Counting,
): Promise<ReadonlySet<string>> {
  const records = await listCommits(store, of.stage, of.key);
  if (!adopt) return new Set(records.keys());
  return adoptCommits(store, new Map([...records].filter(([input]) => of.planned.has(input))), { signal });
}
