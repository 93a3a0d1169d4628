// Plans the encoding of a dictionary's sites: one item per shard of activations, of every split. Pure.
import { digestOf, stageKey, type KeyPreimage } from '../../core/identity/digest.js';
import type { Commit } from '../../schemas/records.js';
import { activationKeys, type EncodeConfig, type EncodeInputs } from './config.js';
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

/** The items that encode the given activations commits, in the order of those of the first site. */
export function planEncodeItems(config: EncodeConfig, commits: readonly Commit[]): WorkItem<EncodeInputs>[] {
  const { key } = planEncodeKey(config);
  const [first = [], ...others] = activationKeys(config.keyed).map((of) => commits.filter((c) => c.key === of));
  return first.flatMap((commit) => {
    const further = others.map((own) => own.find(({ shard }) => shard === commit.shard));
    // A shard in quarantine has no activations of any site.
    if (further.some((own) => own === undefined)) return [];
    const objects = [commit, ...(further as Commit[])].map((own) =>
      own.objects.filter((o) => o.table === 'activations'),
    );
    const digests = objects.map((own) => own.map(({ sha256 }) => sha256));
    const inputs: EncodeInputs = { activations: digests.length === 1 ? (digests[0] as string[]) : digests };
    return {
      stage: 'encode',
      keys: [key],
      input: digestOf(inputs),
      inputs,
      shard: commit.shard,
      split: commit.split,
      size: (objects[0] ?? []).reduce((sum, object) => sum + object.rows, 0),
      aux: { objects: objects.flat() },
    };
  });
}
