// The plan of a run before and after its steps are planned: which datasets it will publish, under which keys as far as they are known.
import type { StoredFile } from '../../schemas/stored.js';
import type { PlanRecord } from '../../storage/records/plan-record.js';
import type { Step, StepUnits } from '../../stages/step.js';
import type { Work } from '../../stages/work.js';

type PlanEntry = PlanRecord['stages'][number];

/** The plan before anything is known but names and the keys that follow from the settings. */
export function initialPlan(work: Pick<Work, 'name' | 'revision'>, steps: readonly Step[]): PlanRecord {
  const stages = steps.flatMap(({ stage, id, makes }) =>
    makes.map(({ dataset, tables, key }) => ({
      ...{ stage, step: id, dataset, tables: [...tables], key },
      ...{ planned: null, size: null },
    })),
  );
  return { formatVersion: 1, run: work.name, revision: work.revision, stages };
}

/**
 * The plan with what was planned filled in.
 * @param inputs by group, where its planned inputs are stored
 */
export function withUnits(
  plan: PlanRecord,
  units: StepUnits,
  inputs: ReadonlyMap<string, readonly StoredFile[]>,
): PlanRecord {
  const named = new Set(plan.stages.map(({ dataset }) => dataset));
  // A plan of an earlier release may lack some: the plan must name everything that the run takes into use.
  const missing = units.datasets.filter(({ dataset }) => !named.has(dataset));
  const added = missing.map(({ dataset, tables, key }): PlanEntry => ({
    ...{ stage: units.stage, dataset, tables: [...tables], key, planned: null, size: null },
  }));
  const stages = [...plan.stages, ...added].map((entry) => {
    const unit =
      entry.stage === units.stage ? units.datasets.find((dataset) => dataset.dataset === entry.dataset) : undefined;
    const items = units.groups.find((group) => group.group === unit?.group)?.units;
    if (!unit || !items) return entry;
    const size = items.reduce((sum, { item }) => sum + item.size, 0);
    const lists = [...(inputs.get(unit.group) ?? [])];
    return { ...entry, tables: [...unit.tables], key: unit.key, planned: items.length, size, inputs: lists };
  });
  return { ...plan, stages };
}
