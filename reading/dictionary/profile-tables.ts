// The tables that say more of each feature than the index does (bands, promoted, neighbours, labels): their objects, where they were
// made of the dictionary's present index. A dictionary may have none of them, or some.
import type { ObjectRecord } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { getKeyPreimage } from '../../storage/records/key-preimages.js';
import { sqlTables, type TableName } from '../../storage/tables/layouts.js';
import { dictionaryDataset } from '../datasets/given-names.js';
import { newestSnapshot } from '../runs/stage-keys.js';
import { objectsOf, type PinnedDictionary } from './snapshots.js';

export type ProfileTable = 'bands' | 'promoted' | 'neighbours' | 'labels';

/** By table; none where it was not made of this index, or not yet. */
export type ProfileObjects = { readonly [T in ProfileTable]: readonly ObjectRecord[] };

/** The objects of every table that was made of the pinned index. */
export async function profileObjects(
  store: ObjectStore,
  pinned: Pick<PinnedDictionary, 'name' | 'index'>,
): Promise<ProfileObjects> {
  const tables = sqlTables('index');
  const found = await Promise.all(
    tables.map(async (table) => [table, await objectsOfTable(store, pinned, table)] as const),
  );
  return { bands: [], promoted: [], neighbours: [], labels: [], ...Object.fromEntries(found) };
}

async function objectsOfTable(
  store: ObjectStore,
  { name, index }: Pick<PinnedDictionary, 'name' | 'index'>,
  table: TableName,
): Promise<ObjectRecord[]> {
  if (index === null) return [];
  const madeOf = async (stage: string, key: string): Promise<boolean> =>
    JSON.stringify(await getKeyPreimage(store, stage, key)).includes(index.key);
  const snapshot = await newestSnapshot(
    store,
    dictionaryDataset(name, table),
    async ({ stage, key, commits }) => commits > 0 && (await madeOf(stage, key)),
  );
  return snapshot === null ? [] : (await objectsOf(store, snapshot)).filter((object) => object.table === table);
}
