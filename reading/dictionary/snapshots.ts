// Which snapshots belong to one dictionary: encoded shards, the index made of them and the tokens under them. Reads records
// alone, no table.
import { DataError, InputError } from '../../schemas/errors.js';
import type { ObjectRecord, Snapshot } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { readSnapshotCommits } from '../../storage/records/snapshots.js';
import { dictionaryDataset, type DictionaryName } from '../datasets/given-names.js';
import { keyFields, keyIn, newestSnapshot } from '../runs/stage-keys.js';

export interface PinnedDictionary {
  readonly name: DictionaryName;
  /** Of the index; null before its first range is compacted. */
  readonly index: Snapshot | null;
  readonly acts: Snapshot;
  readonly tokens: Snapshot;
}

/**
 * Snapshots that belong together: the newest encoded shards, the index made of them, the tokens under them. An index of an
 * earlier encoding is left aside once the newer one has shards.
 */
export async function pinDictionary(store: ObjectStore, name: DictionaryName): Promise<PinnedDictionary> {
  const acts = await newestSnapshot(store, dictionaryDataset(name, 'acts'), (s) => s.commits > 0);
  if (acts === null) throw notEncoded(name);
  const index = await newestIndex(store, name, acts);
  const activations = activationKeyOf(await keyFields(store, 'encode', acts.key));
  const tokensKey =
    activations === null ? null : keyIn(await keyFields(store, 'activations', activations), 'tokensKey');
  const dataset = `${name.run}/tokens`;
  const tokens = await newestSnapshot(store, dataset, (s) => tokensKey === null || s.key === tokensKey);
  if (tokens === null) {
    throw new DataError(
      `Expected a snapshot of ${dataset} with the tokens that ${name.dictionary} was encoded from, found none; \`assay resume ${name.run}\` publishes it again.`,
      { dataset, key: tokensKey },
    );
  }
  return { name, index, acts, tokens };
}

/** Key of the activations of the first site, from what the key of an encoding was made of: all its sites hold the same tokens. */
export function activationKeyOf(encode: Parameters<typeof keyIn>[0]): string | null {
  const several = encode['activationsKeys'];
  const first: unknown = Array.isArray(several) ? several[0] : null;
  return typeof first === 'string' ? first : keyIn(encode, 'activationsKey');
}

/** The newest index of the encoded shards' key; null where it was made of another encoding. */
async function newestIndex(store: ObjectStore, name: DictionaryName, acts: Snapshot): Promise<Snapshot | null> {
  const index = await newestSnapshot(store, dictionaryDataset(name, 'top'), (s) => s.commits > 0);
  if (index === null) return null;
  const encodeKey = keyIn(await keyFields(store, 'index', index.key), 'encodeKey');
  return encodeKey === null || encodeKey === acts.key ? index : null;
}

/** All objects of the snapshot's commits, those of neighbouring tables too. */
export async function objectsOf(store: ObjectStore, snapshot: Snapshot): Promise<ObjectRecord[]> {
  const objects: ObjectRecord[] = [];
  for await (const commit of readSnapshotCommits(store, snapshot)) objects.push(...commit.objects);
  return objects;
}

function notEncoded(name: DictionaryName): InputError {
  const given = `${name.run}/${name.dictionary}`;
  return new InputError(
    `Expected a dictionary with encoded shards, found that ${given} has none yet; wait for the stage encode (\`assay status ${name.run}\`).`,
    { dictionary: given },
  );
}
