// Opens a dictionary for queries: the objects of the snapshots that belong to it, and how its contexts were packed.
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { readResolvedRun } from '../../storage/records/resolved-runs.js';
import type { DictionaryName } from '../datasets/given-names.js';
import { openDictionary, type Dictionary, type DictionaryObjects } from './dictionary.js';
import { objectsOf, pinDictionary, type PinnedDictionary } from './snapshots.js';

export interface OpenedDictionary extends PinnedDictionary {
  readonly dictionary: Dictionary;
}

/** The dictionary, ready for queries. @throws InputError before its first shard is encoded */
export async function openPinnedDictionary(
  store: ObjectStore,
  name: DictionaryName,
  signal: AbortSignal,
): Promise<OpenedDictionary> {
  const pinned = await pinDictionary(store, name);
  const [indexed, encoded, tokens, packing] = await Promise.all([
    pinned.index === null ? [] : objectsOf(store, pinned.index),
    objectsOf(store, pinned.acts),
    objectsOf(store, pinned.tokens),
    packingOf(store, pinned),
  ]);
  const dictionary = await openDictionary(store, { indexed, encoded, tokens, packing }, signal);
  return { ...pinned, dictionary };
}

async function packingOf(store: ObjectStore, { acts, name }: PinnedDictionary): Promise<DictionaryObjects['packing']> {
  const { file, model } = await readResolvedRun(store, { name: name.run, revision: acts.revision });
  const { contextTokens, packing } = file.model;
  return { contextTokens, packing, prepended: model.prependId !== null };
}
