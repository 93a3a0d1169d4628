// The index stage: the sorted runs of all shards merged by feature, with statistics, strongest examples and metrics.
import { BYTES_PER_TOKEN } from '../../core/corpus/shard-plan.js';
import { modelDatasets } from '../activations/run-model-files.js';
import type { StageDefinition } from '../definition.js';
import { datasetNames } from '../dataset-names.js';
import { cores, ROW_BYTES, SPEED } from '../nominal-speed.js';
import { stepOf } from '../step.js';
import { featuresOf, workOfDictionary } from '../train/dictionary.js';
import { indexConfig, type IndexConfig } from './config.js';

export const indexStage: StageDefinition<IndexConfig> = {
  name: 'index',
  version: 2,
  config: indexConfig,
  queue: 'io',
  maxLotSize: 2 ** 24,
  chained: false,
  unit: 'postings',
  mayQuarantine: () => false,
  steps: ({ extraction: run }) =>
    (run?.dictionaries ?? []).map(({ name }) => {
      const names = datasetNames(run?.name ?? '');
      const makes = ['postings', 'features', 'top'].map((table) => ({
        dataset: names.dictionary(name, table),
        tables: [table],
        key: null,
      }));
      const reads = [names.dictionary(name, 'acts'), names.tokens, ...(run ? modelDatasets(run) : [])];
      return stepOf('index', name, { reads, makes });
    }),
  estimate: ({ extraction: run }, { subject }, { textBytes }) => {
    const dictionary = run?.dictionaries.find(({ name }) => name === subject);
    if (!run || !dictionary) return { items: 0, bytes: 0, seconds: 0 };
    const firings = (textBytes / BYTES_PER_TOKEN) * workOfDictionary(run, dictionary).firings;
    return {
      items: null,
      bytes: Math.round(
        firings * ROW_BYTES.posting + featuresOf(dictionary) * run.file.index.topExamples * ROW_BYTES.top,
      ),
      seconds: firings / SPEED.postings / cores(),
    };
  },
};
