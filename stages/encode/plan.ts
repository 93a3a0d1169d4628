// Plans the encoding of a dictionary's site: one item per shard of activations, of every split. Pure.
import { digestOf, stageKey, type KeyPreimage } from '../../core/identity/digest.js';
import type { Commit } from '../../schemas/records.js';
import type { EncodeConfig, EncodeInputs } from './config.js';
import type { WorkItem } from '../stage.js';

/** Raised whenever the bytes that encoding writes change. */
export const ENCODE_VERSION = 3;

/** Key of encoding with one dictionary, and what it was made of. */
export function planEncodeKey(config: EncodeConfig): {
  readonly key: string;
  readonly preimage: KeyPreimage;
} {
  const preimage = {
    stage: 'encode',
    stageVersion: ENCODE_VERSION,
    config: config.keyed,
    inputs: null,
  };
  return { key: stageKey(preimage), preimage };
}

/** The items that encode the given activations commits, in their order. */
export function planEncodeItems(config: EncodeConfig, commits: readonly Commit[]): WorkItem<EncodeInputs>[] {
  const { key } = planEncodeKey(config);
  return commits.map((commit) => {
    const objects = commit.objects.filter((object) => object.table === 'activations');
    const inputs = { activations: objects.map((object) => object.sha256) };
    return {
      stage: 'encode',
      keys: [key],
      input: digestOf(inputs),
      inputs,
      shard: commit.shard,
      split: commit.split,
      size: objects.reduce((sum, object) => sum + object.rows, 0),
      aux: { objects },
    };
  });
}
