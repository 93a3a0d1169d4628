// The tokens stage: each shard's documents get their numbers, token ids and offsets.
import { BYTES_PER_TOKEN } from '../../core/corpus/shard-plan.js';
import type { KeyPreimage } from '../../core/identity/digest.js';
import { corpusKey } from '../corpus/stage.js';
import { keyOf, type StageDefinition } from '../definition.js';
import { datasetNames } from '../dataset-names.js';
import { COMPRESSION, cores, ROW_BYTES, SPEED } from '../nominal-speed.js';
import { stepOf } from '../step.js';
import type { CorpusRun } from '../work.js';
import { tokensConfig, type TokensConfig } from './config.js';

export const tokensStage: StageDefinition<TokensConfig> = {
  name: 'tokens',
  version: 1,
  config: tokensConfig,
  queue: 'io',
  maxLotSize: 2 ** 24,
  chained: false,
  unit: 'tokens',
  // With `onBadDocument: fail` a bad document ends the run; a damaged shard costs only itself.
  mayQuarantine: (error, { keyed }) => keyed.onBadDocument === 'skip' || error.details['id'] === undefined,
  steps: ({ corpus }) => {
    if (!corpus) return [];
    const names = datasetNames(corpus.name);
    const { key } = tokensKey(corpus);
    const makes = [
      { dataset: names.documents, tables: ['documents'], key },
      { dataset: names.tokens, tables: ['tokens'], key },
    ];
    return [stepOf('tokens', null, { reads: [names.corpus], makes })];
  },
  estimate: (_work, _step, { shards, textBytes }) => {
    const tokens = textBytes / BYTES_PER_TOKEN;
    return {
      items: shards,
      bytes: Math.round(textBytes / COMPRESSION + tokens * ROW_BYTES.token),
      seconds: tokens / SPEED.tokens / cores(),
    };
  },
};

/** The settings of the stage. */
export function tokensSettings(run: CorpusRun): TokensConfig {
  const { maxDocumentTokens, onBadDocument } = run.file.corpus;
  const { tokenizer } = run.model;
  return {
    keyed: { corpusKey: corpusKey(run).key, tokenizer: tokenizer.sha256, maxDocumentTokens, onBadDocument },
    aux: { tokenizer },
  };
}

export function tokensKey(run: CorpusRun): { readonly key: string; readonly preimage: KeyPreimage } {
  return keyOf(tokensStage, tokensSettings(run).keyed);
}
