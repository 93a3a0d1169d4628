// The train stage: the dictionaries of the same sites over one stream of their rows.
import { z } from 'zod';
import type { ResolvedDictionary } from '../../schemas/resolved-run.js';
import type { StageDefinition } from '../definition.js';
import { datasetNames } from '../dataset-names.js';
import { modelDatasets } from '../activations/run-model-files.js';
import { cores, SPEED } from '../nominal-speed.js';
import { stepOf } from '../step.js';
import { takenConfig, trainConfig, type TakenConfig, type TrainConfig } from './config.js';
import { dictionariesOf, frozenOf, sitesOfDictionary, takenOf, trainedSites, workOfDictionary } from './dictionary.js';
import { routedConfig, type RoutedConfig } from './routed/config.js';
import { routedStep } from './routed/names.js';
import { TRAINING_FACTOR, estimateRouted, routedSteps } from './routed/steps.js';
import { takenSubject } from './taken.js';

export const trainStage: StageDefinition<readonly TrainConfig[] | TakenConfig | RoutedConfig> = {
  name: 'train',
  version: 3,
  config: z.union([trainConfig.array().nonempty().readonly(), takenConfig, routedConfig]),
  queue: 'compute',
  maxLotSize: 1,
  chained: true,
  unit: 'rows',
  mayQuarantine: () => false,
  steps: ({ extraction: run }) =>
    run === null
      ? []
      : [
          ...takenOf(run).map(({ name }) => {
            const dataset = datasetNames(run.name).dictionary(name, 'weights');
            return stepOf('train', takenSubject(name), {
              reads: [],
              makes: [{ dataset, tables: ['weights'], key: null }],
            });
          }),
          ...trainedSites(run).map((site) => {
            const names = datasetNames(run.name);
            const makes = dictionariesOf(run, site).flatMap(({ name }) =>
              ['weights', 'training'].map((table) => ({
                dataset: names.dictionary(name, table),
                tables: [table],
                key: null,
              })),
            );
            const reads = sitesOfDictionary(run, dictionariesOf(run, site)[0] as ResolvedDictionary).names;
            return stepOf('train', site, { reads: [...reads.map(names.activations), ...modelDatasets(run)], makes });
          }),
          ...frozenOf(run).flatMap((dictionary) => routedSteps(run, dictionary)),
        ],
  estimate: ({ extraction: run }, { subject }, size) => {
    const routed = routedStep(subject);
    const frozen = run && routed && frozenOf(run).find(({ name }) => name === routed.name);
    if (frozen) return estimateRouted(run, { dictionary: frozen, part: routed.part, size });
    const each = run
      ? dictionariesOf(run, subject ?? '').map((own) => ({ ...workOfDictionary(run, own), rows: own.sae.tokens }))
      : [];
    return {
      items: 1,
      bytes: each.reduce((n, { weightBytes }) => n + weightBytes, 0),
      seconds: each.reduce((n, { rows, product }) => n + rows * product * TRAINING_FACTOR, 0) / SPEED.flops / cores(),
    };
  },
};
