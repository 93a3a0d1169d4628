// The corpus stage: the parts of the corpus become shards of documents, by split.
import type { KeyPreimage } from '../../core/identity/digest.js';
import { keyOf, type StageDefinition } from '../definition.js';
import { datasetNames } from '../dataset-names.js';
import { COMPRESSION, cores, SPEED } from '../nominal-speed.js';
import { stepOf } from '../step.js';
import type { CorpusRun } from '../work.js';
import { corpusConfig, type CorpusConfig, type CorpusInputs } from './config.js';

export const corpusStage: StageDefinition<CorpusConfig> = {
  name: 'corpus',
  version: 3,
  config: corpusConfig,
  queue: 'sources',
  maxLotSize: 2 ** 30,
  chained: false,
  unit: 'tokens',
  // A part that cannot be read ends the run: nothing else knows its documents.
  mayQuarantine: () => false,
  outside: ({ inputs }, { aux }) =>
    aux.parts.filter(({ digest }) => digest === (inputs as CorpusInputs).part).map(({ location }) => location),
  steps: ({ corpus }) => {
    if (!corpus) return [];
    const makes = [{ dataset: datasetNames(corpus.name).corpus, tables: ['source'], key: corpusKey(corpus).key }];
    return [stepOf('corpus', null, { reads: [], makes })];
  },
  estimate: ({ corpus }, _step, { textBytes }) => ({
    items: corpus?.parts.length ?? 0,
    bytes: Math.round(textBytes / COMPRESSION),
    seconds: textBytes / SPEED.textBytes / Math.min(cores(), corpus?.parts.length ?? 1),
  }),
};

/** The settings of the stage. */
export function corpusSettings({ file, limitDocuments, parts }: CorpusRun): CorpusConfig {
  const { corpus, seed, storeOptions } = file;
  return {
    keyed: {
      seed,
      idField: corpus.id,
      textField: corpus.text,
      split: corpus.split,
      splitSeed: corpus.splitSeed,
      shardTokens: corpus.shardTokens,
      onBadDocument: corpus.onBadDocument,
      ...(limitDocuments === null ? {} : { limitDocuments }),
    },
    aux: { parts: [...parts], ...(storeOptions ? { storeOptions } : {}) } as CorpusConfig['aux'],
  };
}

export function corpusKey(run: CorpusRun): { readonly key: string; readonly preimage: KeyPreimage } {
  return keyOf(corpusStage, corpusSettings(run).keyed);
}
