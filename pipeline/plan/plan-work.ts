// What of a step is still to do: everything planned minus commits (minus quarantined shards, unless the mode retries them).
import type { StageName } from '../../schemas/stages.js';
import type { ResumeMode } from '../../schemas/messages.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { listCommitInputs } from '../../storage/records/commits.js';
import { listQuarantineInputs } from '../../storage/records/quarantine.js';
import type { PlannedUnit, StepUnits } from '../../stages/step.js';

export interface StepWork {
  readonly stage: StageName;
  readonly todo: readonly PlannedUnit[];
  readonly planned: number;
  readonly committed: number;
  readonly quarantined: number;
}

/** Items that lack a commit under any of their keys. Costs one listing per key, no request per item. */
export async function planWork(store: ObjectStore, units: StepUnits, mode: ResumeMode): Promise<StepWork> {
  const keys = [...new Set(units.groups.flatMap((g) => g.units.flatMap(({ item }) => item.keys)))];
  const lists = await Promise.all(
    keys.map(async (key) => {
      const [committed, quarantined] = await Promise.all([
        listCommitInputs(store, units.stage, key),
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
