// Plans trainings: the key of a dictionary and the item that makes it. Pure. A training reads a pinned snapshot, so the key
// covers the snapshot's digest, and a corpus that grew makes a new training.
import { digestOf, stageKey, type KeyPreimage } from '../../core/identity/digest.js';
import { InputError } from '../../schemas/errors.js';
import type { StoredFile } from '../../schemas/stored.js';
import type { TrainConfig, TrainInputs } from './config.js';
import type { WorkItem } from '../stage.js';

/** Raised whenever the bytes that a training writes change. */
export const TRAIN_VERSION = 2;

export interface PlannedTraining {
  readonly key: string;
  readonly preimage: KeyPreimage;
}

/** Key of one dictionary's training on a pinned snapshot of activations, and what it was made of. */
export function planTraining(config: TrainConfig, snapshot: string): PlannedTraining {
  const preimage = {
    stage: 'train',
    stageVersion: TRAIN_VERSION,
    config: config.keyed,
    inputs: { snapshot },
  };
  return { key: stageKey(preimage), preimage };
}

export interface TrainItemParts {
  /** Dictionaries of one site that share the read; one is usual. */
  readonly configs: readonly TrainConfig[];
  readonly snapshot: string;
  readonly segments: readonly StoredFile[];
}

/**
 * The item that trains dictionaries of one site over one stream of rows: `keys` in the order of `configs`. Which of them
 * share an item changes no byte. Run it with `configs` (or the one config) as its settings.
 * @throws InputError where they are not of one site, dtype, run seed and engine
 */
export function planTrainItem({ configs, snapshot, segments }: TrainItemParts): WorkItem<TrainInputs> {
  const shared = configs.map(({ keyed }) => digestOf({ ...keyed, sae: null }));
  if (new Set(shared).size !== 1) {
    const names = configs.map((config) => config.aux.name);
    const text = `Expected dictionaries of one site, dtype, run seed and engine to share a read, found ${names.join(', ')} of ${new Set(shared).size} kinds; plan an item for each.`;
    throw new InputError(text, { names });
  }
  const inputs = { snapshot };
  return {
    stage: 'train',
    keys: configs.map((config) => planTraining(config, snapshot).key),
    input: digestOf(inputs),
    inputs,
    shard: 'all',
    split: null,
    size: configs.reduce((sum, config) => sum + config.keyed.sae.tokens, 0),
    aux: { segments },
  };
}
