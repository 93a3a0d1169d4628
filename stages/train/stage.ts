// The train stage: the dictionaries of a site over one stream of its rows.
import type { ResolvedDictionary, ResolvedRun } from '../../schemas/resolved-run.js';
import type { StageDefinition } from '../definition.js';
import { datasetNames } from '../dataset-names.js';
import { modelDatasets } from '../activations/run-model-files.js';
import { cores, SPEED } from '../nominal-speed.js';
import { stepOf } from '../step.js';
import { trainConfig, type TrainConfig } from './config.js';

/** Forward and backward of a topk dictionary against its encoder product. */
const TRAINING_FACTOR = 3;

export const trainStage: StageDefinition<readonly TrainConfig[]> = {
  name: 'train',
  version: 2,
  config: trainConfig.array().nonempty().readonly(),
  queue: 'compute',
  maxLotSize: 1,
  chained: true,
  unit: 'rows',
  mayQuarantine: () => false,
  steps: ({ extraction: run }) =>
    run === null
      ? []
      : trainedSites(run).map((site) => {
          const names = datasetNames(run.name);
          const makes = dictionariesOf(run, site).flatMap(({ name }) =>
            ['weights', 'training'].map((table) => ({
              dataset: names.dictionary(name, table),
              tables: [table],
              key: null,
            })),
          );
          return stepOf('train', site, { reads: [names.activations(site), ...modelDatasets(run)], makes });
        }),
  estimate: ({ extraction: run }, { subject }) => {
    const each = run
      ? dictionariesOf(run, subject ?? '').map(({ sae }) => ({ sae, width: widthOf(run, subject ?? '') }))
      : [];
    return {
      items: 1,
      bytes: each.reduce((n, { sae, width }) => n + 8 * width * sae.features, 0),
      seconds:
        each.reduce((n, { sae, width }) => n + sae.tokens * 2 * width * sae.features * TRAINING_FACTOR, 0) /
        SPEED.flops /
        cores(),
    };
  },
};

/** Sites that dictionaries are trained on, in the order of the run's sites. */
function trainedSites(run: ResolvedRun): string[] {
  return run.sites.map(({ name }) => name).filter((site) => dictionariesOf(run, site).length > 0);
}

/** The dictionaries of a site share the read. */
export function dictionariesOf({ dictionaries }: ResolvedRun, site: string): ResolvedDictionary[] {
  return dictionaries.filter((dictionary) => dictionary.site === site);
}

export function widthOf(run: ResolvedRun, site: string): number {
  return run.sites.find((s) => s.name === site)?.width ?? run.model.width;
}
