// Plans one stage of a run: what it consists of, what is still to do, cut into lots and stored as a manifest.
import { Context } from '@temporalio/activity';
import { InputError } from '../schemas/errors.js';
import type { ResumeMode, RunRef, StagePlanned } from '../schemas/messages.js';
import type { RunStage } from '../schemas/stages.js';
import { cutLots } from '../pipeline/lot/cut-lots.js';
import { writeManifest, type PlannedItem } from '../pipeline/lot/manifest.js';
import { createPinnedReader } from '../pipeline/plan/pinned.js';
import { initialPlan, withStage } from '../pipeline/plan/plan-record.js';
import { readPlan, writePlan } from '../storage/records/plan-record.js';
import { planWork, type StageWork } from '../pipeline/plan/plan-work.js';
import { datasetNames } from '../stages/dataset-names.js';
import type { ResolvedRun } from '../schemas/resolved-run.js';
import { readResolvedRun } from '../storage/records/resolved-runs.js';
import { STAGE_TABLE } from '../stages/table.js';
import { planStageUnits, type PlannedUnit, type StageUnits } from '../pipeline/plan/stage-units.js';
import { putKeyPreimage } from '../storage/records/key-preimages.js';
import { checkDuplicateIds } from '../stages/tokens/duplicate-ids.js';
import type { ObjectStore } from '../storage/objects/object-store.js';
import type { ActivityDependencies } from './dependencies.js';

export async function planStageActivity(
  input: { readonly ref: RunRef; readonly stage: RunStage; readonly mode: ResumeMode },
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
  if (stage === 'tokens' && work.todo.length > 0) await refuseDuplicateIds(run, store, dependencies);
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

/** One document id in two parts would number two documents alike. @throws DataError naming the id and both parts */
async function refuseDuplicateIds(
  run: ResolvedRun,
  store: ObjectStore,
  dependencies: ActivityDependencies,
): Promise<void> {
  const corpus = await createPinnedReader(store, run.revision)(datasetNames(run.name).corpus);
  const byPart = new Map((corpus?.commits ?? []).map((commit) => [(commit.inputs as { part: string }).part, commit]));
  const parts = run.parts.flatMap((part) => {
    const commit = byPart.get(part.digest);
    return commit ? [{ commit, name: part.location }] : [];
  });
  const cache = dependencies.cacheFor(store);
  const signal = Context.current().cancellationSignal;
  await checkDuplicateIds({
    commits: parts.map(({ commit }) => commit),
    names: parts.map(({ name }) => name),
    seed: run.file.seed,
    fetch: (object) => cache.fetch(object, signal),
  });
}
