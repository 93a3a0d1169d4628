// The encode stage: a dictionary applied to every row of its sites.
import { BYTES_PER_TOKEN } from '../../core/corpus/shard-plan.js';
import { modelDatasets } from '../activations/run-model-files.js';
import type { StageDefinition } from '../definition.js';
import { datasetNames } from '../dataset-names.js';
import { cores, ROW_BYTES, SPEED } from '../nominal-speed.js';
import { stepOf } from '../step.js';
import { sitesOfDictionary, workOfDictionary } from '../train/dictionary.js';
import { encodeConfig, type EncodeConfig } from './config.js';

export const encodeStage: StageDefinition<EncodeConfig> = {
  name: 'encode',
  version: 5,
  config: encodeConfig,
  queue: 'compute',
  maxLotSize: 2 ** 21,
  chained: false,
  unit: 'rows',
  mayQuarantine: () => true,
  steps: ({ extraction: run }) =>
    (run?.dictionaries ?? []).map((dictionary) => {
      const { name } = dictionary;
      const names = datasetNames(run?.name ?? '');
      const sites = run ? sitesOfDictionary(run, dictionary).names : [];
      const activations = sites.map(names.activations);
      const reads = [...activations, names.dictionary(name, 'weights'), ...(run ? modelDatasets(run) : [])];
      const makes = [
        { dataset: names.dictionary(name, 'acts'), tables: ['acts'], key: null },
        { dataset: names.dictionary(name, 'postings-runs'), tables: ['postings'], key: null },
      ];
      return stepOf('encode', name, { reads, makes });
    }),
  estimate: ({ extraction: run }, { subject }, { shards, textBytes }) => {
    const dictionary = run?.dictionaries.find(({ name }) => name === subject);
    if (!run || !dictionary) return { items: 0, bytes: 0, seconds: 0 };
    const tokens = textBytes / BYTES_PER_TOKEN;
    const { firings, product } = workOfDictionary(run, dictionary);
    return {
      items: shards,
      bytes: Math.round(tokens * firings * ROW_BYTES.posting * 2),
      seconds: (tokens * product * 1.3) / SPEED.flops / cores(),
    };
  },
};
