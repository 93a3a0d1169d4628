// `runs/<name>/<revision>/plan.json`: what each stage plans, as far as it is known. Rewritten by the one orchestrating activity as
// stages become plannable; `status` reads it.
import { z } from 'zod';
import { STAGES, type RunStage } from '../../schemas/constants.js';
import { stageName } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { revisionPrefix, type RunRevision } from '../../storage/records/key-layout.js';
import { encodeRecord, readRecord } from '../../storage/records/record-io.js';
import { datasetNames } from './dataset-names.js';
import type { ResolvedRun } from './resolved-run.js';
import { keysKnownAtStart } from './stage-settings.js';
import type { StageUnits } from './stage-units.js';

const count = z.number().int().nonnegative();

export const planRecord = z.strictObject({
  formatVersion: z.literal(1),
  run: z.string(),
  revision: count,
  stages: z.array(
    z.strictObject({
      stage: stageName,
      dataset: z.string(),
      tables: z.array(z.string()),
      key: z.string().nullable().describe('null: known only after an earlier stage'),
      planned: count.nullable(),
      size: z.number().nullable().describe('work of all items: tokens or rows'),
    }),
  ),
});
export type PlanRecord = z.infer<typeof planRecord>;
/** A dataset of a run's plan. */
type PlannedDataset = PlanRecord['stages'][number] & { readonly stage: RunStage };

/** The plan before anything is known but names and the keys that follow from the settings. */
export function initialPlan(run: ResolvedRun): PlanRecord {
  const stages = plannedDatasets(run);
  return { formatVersion: 1, run: run.name, revision: run.revision, stages };
}

/** The datasets that a run will publish, in the order of its stages. */
export function plannedDatasets(run: ResolvedRun): PlannedDataset[] {
  const names = datasetNames(run.name);
  const keys = keysKnownAtStart(run);
  const row = (stage: RunStage, dataset: string, tables: string[]): PlannedDataset => ({
    stage,
    dataset,
    tables,
    key: keys.get(dataset) ?? null,
    planned: null,
    size: null,
  });
  const stages = [
    row('corpus', names.corpus, ['source']),
    row('tokens', names.documents, ['documents']),
    row('tokens', names.tokens, ['tokens']),
    ...run.sites.map((site) => row('activations', names.activations(site.name), ['activations'])),
    ...run.dictionaries.flatMap(({ name }) =>
      ['weights', 'training'].map((table) => row('train', names.dictionary(name, table), [table])),
    ),
    ...run.dictionaries.flatMap(({ name }) => [
      row('encode', names.dictionary(name, 'acts'), ['acts']),
      row('encode', names.dictionary(name, 'postings-runs'), ['postings']),
    ]),
    ...run.dictionaries.flatMap(({ name }) =>
      ['postings', 'features', 'top'].map((table) => row('index', names.dictionary(name, table), [table])),
    ),
  ];
  const last = STAGES.indexOf(run.until);
  return stages.filter(({ stage }) => STAGES.indexOf(stage) <= last);
}

/** The plan with one stage's numbers filled in. */
export function withStage(plan: PlanRecord, units: StageUnits): PlanRecord {
  const stages = plan.stages.map((entry) => {
    const unit = entry.stage === units.stage ? units.datasets.find((d) => d.dataset === entry.dataset) : undefined;
    const items = units.groups.find((g) => g.group === unit?.group)?.units;
    if (!unit || !items) return entry;
    return {
      ...entry,
      key: unit.key,
      planned: items.length,
      size: items.reduce((sum, { item }) => sum + item.size, 0),
    };
  });
  return { ...plan, stages };
}

export function planKey(run: RunRevision): string {
  return `${revisionPrefix(run)}plan.json`;
}

export function readPlan(store: ObjectStore, run: RunRevision): Promise<PlanRecord | null> {
  return readRecord(store, planKey(run), planRecord);
}

export async function writePlan(store: ObjectStore, plan: PlanRecord): Promise<void> {
  const key = planKey({ name: plan.run, revision: plan.revision });
  await store.put(key, encodeRecord(key, plan, planRecord));
}
