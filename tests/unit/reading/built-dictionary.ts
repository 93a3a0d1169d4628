// A test dataset with its index stored beside it, as pinned snapshots would list it.
import type { ObjectRecord } from '../../../schemas/records.js';
import type { DictionaryObjects } from '../../../reading/dictionary/dictionary.js';
import { buildDataset, store, type Dataset } from '../stages/index/dataset.js';
import type { Shape } from '../stages/index/draw.js';
import { runIndex } from '../stages/index/run-index.js';

export interface Built {
  readonly dataset: Dataset;
  readonly objects: DictionaryObjects;
}

/** Builds, indexes and stores a dataset, whose files lie within `place`; with `ranges` only those are compacted. */
export async function buildDictionary(
  place: string,
  shape: Shape,
  ranges?: readonly { from: number; to: number }[],
): Promise<Built> {
  const dataset = await buildDataset(place, shape);
  const indexed: ObjectRecord[] = [];
  for (const [shard, output] of await runIndex(dataset, ranges))
    indexed.push(...(await store(dataset.store, shard, output.files)));
  const { contextTokens, packing } = shape;
  return {
    dataset,
    objects: {
      indexed,
      encoded: dataset.encoded.flatMap((c) => c.objects),
      tokens: dataset.tokens.flatMap((c) => c.objects),
      packing: { contextTokens, packing, prepended: true },
    },
  };
}
