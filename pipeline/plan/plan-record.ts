// The plan of a run before and after a stage is planned: which datasets it will publish, under which keys as far as they are known.
import { STAGES, type RunStage } from '../../schemas/stages.js';
import type { PlanRecord } from '../../storage/records/plan-record.js';
import { datasetNames } from '../../stages/dataset-names.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import { keysKnownAtStart } from './stage-settings.js';
import type { StageUnits } from './stage-units.js';

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
