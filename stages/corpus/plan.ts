// One item of work per part of the corpus.
import { BYTES_PER_TOKEN } from '../../core/corpus/shard-plan.js';
import { digestOf } from '../../core/identity/digest.js';
import type { CorpusInputs } from './config.js';
import type { Part } from '../../schemas/stored.js';
import type { WorkItem } from '../stage.js';
import { unitsOf, type Step, type StepUnits } from '../step.js';
import type { Work } from '../work.js';
import { corpusKey, corpusSettings } from './stage.js';

/** Everything that the step plans. */
export function planCorpus({ corpus }: Work, step: Step): Promise<StepUnits | null> {
  if (!corpus) return Promise.resolve(null);
  const config = corpusSettings(corpus);
  const { key, preimage } = corpusKey(corpus);
  const units = planParts(key, corpus.parts).map((item) => ({ item, config }));
  return Promise.resolve(unitsOf(step, { units, keys: key, preimages: [preimage] }));
}

/** The items of the corpus stage, in the order of the parts. */
export function planParts(key: string, parts: readonly Part[]): WorkItem<CorpusInputs>[] {
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
