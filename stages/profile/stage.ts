// The profile stage: what is worth reading of every feature beyond its strongest examples, made of the published index: examples of
// all bands and rows without it (`bands`), what it promotes (`promoted`), its neighbours (`neighbours`). Each table is a group of
// items under a key of its own.
import { BYTES_PER_TOKEN } from '../../core/corpus/shard-plan.js';
import { modelDatasets } from '../activations/run-model-files.js';
import type { StageDefinition } from '../definition.js';
import { datasetNames } from '../dataset-names.js';
import { cores, ROW_BYTES, SPEED } from '../nominal-speed.js';
import { stepOf } from '../step.js';
import { featuresOf, workOfDictionary } from '../train/dictionary.js';
import { profileConfig, type ProfileConfig, type ProfileTable } from './config.js';

/** The tables, with the version of each. */
export const PROFILE_TABLES: { readonly [T in ProfileTable]: number } = { bands: 1, promoted: 1, neighbours: 1 };
/** Dictionaries above this have no neighbours unless the run file says so. */
export const NEIGHBOURS_UP_TO = 131_072;

export const profileStage: StageDefinition<ProfileConfig> = {
  name: 'profile',
  version: 1,
  config: profileConfig,
  queue: 'compute',
  maxLotSize: 2 ** 24,
  chained: false,
  unit: 'postings',
  mayQuarantine: () => false,
  steps: ({ extraction: run }) =>
    (run?.dictionaries ?? []).map(({ name }) => {
      const names = datasetNames(run?.name ?? '');
      const makes = Object.keys(PROFILE_TABLES).map((table) => ({
        dataset: names.dictionary(name, table),
        tables: [table],
        key: null,
      }));
      const own = ['acts', 'weights', 'top'].map((table) => names.dictionary(name, table));
      return stepOf('profile', name, { reads: [...own, names.tokens, ...(run ? modelDatasets(run) : [])], makes });
    }),
  estimate: ({ extraction: run }, { subject }, { textBytes }) => {
    const dictionary = run?.dictionaries.find(({ name }) => name === subject);
    if (!run || !dictionary) return { items: 0, bytes: 0, seconds: 0 };
    const features = featuresOf(dictionary);
    const { firings, weightBytes } = workOfDictionary(run, dictionary);
    const rows = textBytes / BYTES_PER_TOKEN;
    const neighbours = features <= (run.file.index.neighboursUpTo ?? NEIGHBOURS_UP_TO) ? features : 0;
    const width = weightBytes / 8 / features;
    const flops = 2 * width * features * (neighbours + run.model.vocabulary);
    return {
      items: null,
      bytes: features * ROW_BYTES.profile,
      seconds: (flops / SPEED.flops + (rows * firings * (2 + firings / 32)) / SPEED.postings) / cores(),
    };
  },
};
