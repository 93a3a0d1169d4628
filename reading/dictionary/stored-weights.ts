// The stored weights of a dictionary: the file, its digest (which is the dictionary's identity, whatever runs hold it) and how many
// features it has.
import { DataError, InputError } from '../../schemas/errors.js';
import type { ObjectRecord } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { dictionaryDataset, type DictionaryName } from '../datasets/given-names.js';
import { keyFields, keyIn, newestSnapshot } from '../runs/stage-keys.js';
import { objectsOf } from './snapshots.js';

export interface StoredDictionary {
  readonly name: DictionaryName;
  /** SHA-256 of its weights. */
  readonly digest: string;
  readonly features: number;
  readonly weights: ObjectRecord;
}

/** The dictionary that the newest encoded shards were made with, else the newest one. @throws InputError before it is trained */
export async function storedDictionary(store: ObjectStore, name: DictionaryName): Promise<StoredDictionary> {
  const acts = await newestSnapshot(store, dictionaryDataset(name, 'acts'), (s) => s.commits > 0);
  const digest = acts === null ? null : keyIn(await keyFields(store, 'encode', acts.key), 'dictionary');
  const weights = digest === null ? await newestWeights(store, name) : await findWeights(store, name, digest);
  return { name, digest: weights.sha256, features: weights.rows, weights };
}

/** The stored weights file of a digest. @throws DataError where no snapshot lists it */
export async function findWeights(store: ObjectStore, name: DictionaryName, digest: string): Promise<ObjectRecord> {
  const found = await weightsWhere(store, name, ({ sha256 }) => sha256 === digest);
  if (found !== null) return found;
  throw new DataError(
    `Expected the weights ${digest} of ${name.run}/${name.dictionary}, found no snapshot that lists them; \`assay resume ${name.run}\` publishes it again.`,
    { dictionary: name.dictionary, digest },
  );
}

async function newestWeights(store: ObjectStore, name: DictionaryName): Promise<ObjectRecord> {
  const found = await weightsWhere(store, name, () => true);
  if (found !== null) return found;
  const given = `${name.run}/${name.dictionary}`;
  throw new InputError(
    `Expected a dictionary that is trained, found that ${given} is not yet; wait for the stage train (\`assay status ${name.run}\`).`,
    { dictionary: given },
  );
}

async function weightsWhere(
  store: ObjectStore,
  name: DictionaryName,
  wanted: (object: ObjectRecord) => boolean,
): Promise<ObjectRecord | null> {
  let found: ObjectRecord | null = null;
  await newestSnapshot(store, dictionaryDataset(name, 'weights'), async (snapshot) => {
    const own = (await objectsOf(store, snapshot)).filter(({ table }) => table === 'weights');
    found = own.find(wanted) ?? null;
    return found !== null;
  });
  return found;
}
