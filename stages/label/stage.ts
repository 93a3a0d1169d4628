// The label stage: a first label for every feature, made from its profile by rules, with a held-out score (`labels`).
import type { StageDefinition } from '../definition.js';
import { modelDatasets } from '../activations/run-model-files.js';
import { datasetNames } from '../dataset-names.js';
import { cores, ROW_BYTES } from '../nominal-speed.js';
import { stepOf } from '../step.js';
import { featuresOf } from '../train/dictionary.js';
import { labelConfig, type LabelConfig } from './config.js';

/** Features labelled per second by one core. */
const FEATURES = 5000;

export const labelStage: StageDefinition<LabelConfig> = {
  name: 'label',
  version: 1,
  config: labelConfig,
  queue: 'io',
  maxLotSize: 2 ** 21,
  chained: false,
  unit: 'features',
  mayQuarantine: () => false,
  steps: ({ extraction: run }) =>
    (run?.dictionaries ?? []).map(({ name }) => {
      const names = datasetNames(run?.name ?? '');
      const own = ['top', 'bands', 'promoted'].map((table) => names.dictionary(name, table));
      const makes = [{ dataset: names.dictionary(name, 'labels'), tables: ['labels'], key: null }];
      return stepOf('label', name, { reads: [...own, names.tokens, ...(run ? modelDatasets(run) : [])], makes });
    }),
  estimate: ({ extraction: run }, { subject }) => {
    const dictionary = run?.dictionaries.find(({ name }) => name === subject);
    const features = dictionary ? featuresOf(dictionary) : 0;
    return { items: null, bytes: features * ROW_BYTES.label, seconds: features / FEATURES / cores() };
  },
};
