// All tables of a run as `sql` sees them: pinned snapshots that stand on the same tokens.
import { InputError } from '../../schemas/errors.js';
import type { ObjectRecord, Snapshot } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { latestSnapshot, listDatasets } from '../../storage/records/snapshots.js';
import { sqlTables } from '../../storage/tables/layouts.js';
import { dictionariesOf, dictionaryDataset, type DictionaryName } from '../datasets/given-names.js';
import { objectsOf, pinDictionary, type PinnedDictionary } from '../dictionary/snapshots.js';
import { profileObjects } from '../dictionary/profile-tables.js';
import { storedDictionary } from '../dictionary/stored-weights.js';
import { labelSources } from '../labels/feature-labels.js';
import type { TableSource } from './load-table.js';
import { MAIN_SCHEMA } from './resolve-tables.js';

export interface SnapshotTable extends TableSource {
  /** Null of what is whole whenever it is there: tables made of a published index, labels. */
  readonly snapshot: Snapshot | null;
}

export interface RunTables {
  readonly sources: readonly SnapshotTable[];
  /** What is left out, for people. */
  readonly notes: readonly string[];
}

export interface RunTablesOptions {
  /** Whether labels and the tables that are made of the index are looked for: they take requests of their own. */
  readonly profile: boolean;
}

/** All tables of a run; dictionaries that stand on other tokens than the rest are left out and named. */
export async function runTables(store: ObjectStore, run: string, { profile }: RunTablesOptions): Promise<RunTables> {
  const names = (await listDatasets(store, run)).map((entry) => entry.dataset);
  const dictionaries = dictionariesOf(names);
  const pins: PinnedDictionary[] = [];
  for (const name of dictionaries) {
    if (names.includes(dictionaryDataset(name, 'acts'))) pins.push(await pinDictionary(store, name));
  }
  const agreed = new Set(pins.map((pin) => pin.tokens.key)).size === 1 ? pins[0]?.tokens : undefined;
  const tokens = agreed ?? (await latestSnapshot(store, `${run}/tokens`));
  const sources =
    tokens === null ? [] : await tablesOf(store, tokens, { schema: MAIN_SCHEMA, tables: sqlTables('tokens') });
  for (const name of dictionaries) sources.push(...(await tablesAlone(store, name)));
  if (profile) for (const name of dictionaries) sources.push(...(await labelTables(store, name)));
  const fitting = pins.filter((pin) => pin.tokens.key === tokens?.key);
  if (profile) for (const pin of fitting) sources.push(...(await profileTables(store, pin)));
  for (const pin of fitting) sources.push(...(await dictionaryTables(store, pin)));
  const notes = pins
    .filter((pin) => !fitting.includes(pin))
    .map(
      ({ name }) => `The tables of ${name.dictionary} are left out: they stand on the tokens of an earlier revision.`,
    );
  return { sources, notes };
}

/** Tables of a dictionary that stand on no tokens. */
async function tablesAlone(store: ObjectStore, name: DictionaryName): Promise<SnapshotTable[]> {
  const sources: SnapshotTable[] = [];
  for (const table of sqlTables('alone')) {
    const snapshot = await latestSnapshot(store, dictionaryDataset(name, table));
    if (snapshot !== null)
      sources.push(...(await tablesOf(store, snapshot, { schema: name.dictionary, tables: [table] })));
  }
  return sources;
}

/** The tables that were made of the dictionary's index; labels come with those of users. */
async function profileTables(store: ObjectStore, pin: PinnedDictionary): Promise<SnapshotTable[]> {
  const { labels: _labels, ...objects } = await profileObjects(store, pin);
  return Object.entries(objects).flatMap(([table, own]) =>
    own.length === 0
      ? []
      : [{ schema: pin.name.dictionary, table: table as keyof typeof objects, objects: own, snapshot: null }],
  );
}

/** The labels of a dictionary, a table without rows where it has none; no table before it is trained. */
async function labelTables(store: ObjectStore, name: DictionaryName): Promise<SnapshotTable[]> {
  try {
    const { automatic, user } = await labelSources(store, await storedDictionary(store, name));
    return [{ schema: name.dictionary, table: 'labels', objects: automatic, given: user, snapshot: null }];
  } catch (error) {
    if (error instanceof InputError) return [];
    throw error;
  }
}

/** Each table of the index, or of the encoded shards where these have it too and the index is not complete yet. */
async function dictionaryTables(store: ObjectStore, { name, acts, index }: PinnedDictionary): Promise<SnapshotTable[]> {
  const wanted = { schema: name.dictionary, tables: sqlTables('dictionary') };
  const encoded = await tablesOf(store, acts, wanted);
  const indexed = index === null ? [] : await tablesOf(store, index, wanted);
  return wanted.tables.flatMap((table) => {
    const [early, late] = [encoded, indexed].map((sources) => sources.find((source) => source.table === table));
    const chosen = late && (!early || late.snapshot?.complete) ? late : early;
    return chosen ? [chosen] : [];
  });
}

interface Wanted {
  readonly schema: string;
  readonly tables: readonly TableSource['table'][];
}

async function tablesOf(store: ObjectStore, snapshot: Snapshot, { schema, tables }: Wanted): Promise<SnapshotTable[]> {
  const objects: ObjectRecord[] = await objectsOf(store, snapshot);
  return tables
    .map((table) => ({
      schema,
      table,
      snapshot,
      objects: objects.filter((object) => object.table === table),
    }))
    .filter((source) => source.objects.length > 0);
}
