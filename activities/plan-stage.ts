// Plans one stage of a run: what it consists of, what is still to do, cut into lots and stored as a manifest.
import { InputError } from '../schemas/errors.js';
import type { ResumeMode, RunRef, StagePlanned } from '../schemas/messages.js';
import type { StageName } from '../schemas/constants.js';
import { cutLots } from '../stages/lot/cut-lots.js';
import { writeManifest, type PlannedItem } from '../stages/lot/manifest.js';
import { createPinnedReader } from '../stages/run-plan/pinned.js';
import { initialPlan, readPlan, withStage, writePlan } from '../stages/run-plan/plan-record.js';
import { planWork, type StageWork } from '../stages/run-plan/plan-work.js';
import { readResolvedRun } from '../stages/run-plan/run-records.js';
import { STAGE_TABLE } from '../stages/run-plan/stage-table.js';
import {
  planStageUnits,
  type PlannedUnit,
  type StageUnits,
} from '../stages/run-plan/stage-units.js';
import { putKeyPreimage } from '../storage/records/key-preimages.js';
import type { ActivityDependencies } from './dependencies.js';

export async function planStageActivity(
  input: { readonly ref: RunRef; readonly stage: StageName; readonly mode: ResumeMode },
  dependencies: ActivityDependencies,
): Promise<StagePlanned> {
  const { ref, stage, mode } = input;
  const store = await dependencies.openStore(ref.store.url, ref.store.options);
  const revision = { name: ref.run, revision: ref.revision };
  const run = await readResolvedRun(store, revision);
  const units = await planStageUnits(run, stage, createPinnedReader(store, ref.revision));
  if (!units)
    throw new InputError(
      `Stage ${stage} of run "${ref.run}" cannot be planned before the stages that it reads are complete. Run \`assay resume ${ref.run}\`.`,
      { stage },
    );
  for (const preimage of units.preimages) await putKeyPreimage(store, preimage);
  await writePlan(store, withStage((await readPlan(store, revision)) ?? initialPlan(run), units));
  const work = await planWork(store, units, mode);
  const row = STAGE_TABLE[stage];
  const manifest = await writeManifest(
    store,
    manifestOf(units, work, { slots: dependencies.slots, maxSize: row.maxLotSize }),
  );
  return {
    ...{ stageVersion: row.version, manifest: manifest.ref, lots: manifest.lots },
    ...{
      items: work.todo.length,
      planned: work.planned,
      queue: row.queue(run),
      chained: row.chained,
    },
  };
}

function manifestOf(
  units: StageUnits,
  work: StageWork,
  rule: Parameters<typeof cutLots>[1],
): Parameters<typeof writeManifest>[1] {
  const configs: unknown[] = [];
  const place = (unit: PlannedUnit): PlannedItem => {
    if (!configs.includes(unit.config)) configs.push(unit.config);
    return { item: unit.item, config: configs.indexOf(unit.config) };
  };
  const groups = units.groups.map((g) => g.group);
  return {
    lots: cutLots(work.todo.map(place), rule),
    configs,
    inputs: units.groups.map((g) => g.units.map(({ item }) => [item.input, item.split] as const)),
    datasets: units.datasets.map(({ dataset, tables, key, group }) => ({
      dataset,
      tables,
      key,
      inputs: groups.indexOf(group),
    })),
  };
}
