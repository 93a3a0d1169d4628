// One item of work per part of the corpus.
import { BYTES_PER_TOKEN } from '../../core/corpus/shard-plan.js';
import { digestOf } from '../../core/identity/digest.js';
import type { CorpusInputs } from './config.js';
import type { Part } from '../../schemas/stored.js';
import type { WorkItem } from '../stage.js';

/** The items of the corpus stage, in the order of the parts. */
export function planCorpus(key: string, parts: readonly Part[]): WorkItem<CorpusInputs>[] {
  return parts.map(({ digest, format, compression, bytes }) => {
    const inputs: CorpusInputs = { part: digest, format, compression };
    return {
      stage: 'corpus',
      keys: [key],
      input: digestOf(inputs),
      inputs,
      shard: digest.slice(0, 16),
      split: null,
      size: Math.ceil(bytes / BYTES_PER_TOKEN),
      aux: {},
    };
  });
}
