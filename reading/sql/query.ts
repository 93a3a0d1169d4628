// The tables of a run as one SQL query sees them: pinned snapshots that stand on the same tokens.
import type { z } from 'zod';
import type { sqlDocument } from '../../schemas/documents/features.js';
import { InputError } from '../../schemas/errors.js';
import type { ObjectRecord, Snapshot } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { TableSource } from './load-table.js';
import { MAIN_SCHEMA, runSql } from './select.js';
import { sqlTables } from '../../storage/tables/layouts.js';
import { listRuns } from '../../storage/records/runs.js';
import { latestSnapshot, listDatasets } from '../../storage/records/snapshots.js';
import { dictionariesOf, dictionaryDataset, type DictionaryName } from '../datasets/given-names.js';
import { objectsOf, pinDictionary, type PinnedDictionary } from '../dictionary/snapshots.js';
import { findRun } from '../../storage/records/run-history.js';

export interface SqlRequest {
  readonly query: string;
  /** Null: the only run of the store. */
  readonly run: string | null;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface SqlResult {
  readonly document: z.infer<typeof sqlDocument>;
  readonly notes: readonly string[];
}

interface Source extends TableSource {
  readonly snapshot: Snapshot;
}

/** The query's rows, and which of its tables still grow. */
export async function querySql(store: ObjectStore, request: SqlRequest): Promise<SqlResult> {
  const run = request.run === null ? await onlyRun(store) : (await findRun(store, request.run)).name;
  const { sources, notes } = await runTables(store, run);
  const { query, maxBytes, signal } = request;
  const { columns, rows, loaded } = await runSql(query, {
    store,
    tables: sources,
    maxBytes,
    signal,
  });
  const used = sources.filter((s) => loaded.some((l) => l.schema === s.schema && l.table === s.table));
  const coverage = used
    .filter(({ snapshot }) => !snapshot.complete)
    .map(({ table, snapshot }) => ({
      table,
      dataset: snapshot.dataset,
      shards: snapshot.commits,
      planned: snapshot.planned,
    }));
  return {
    document: { columns: [...columns], rows: rows.map((row) => [...row]), coverage },
    notes,
  };
}

async function onlyRun(store: ObjectStore): Promise<string> {
  const names = (await listRuns(store)).map((run) => run.name);
  const [only, another] = names;
  if (only !== undefined && another === undefined) return only;
  const found = only === undefined ? 'none' : names.join(', ');
  throw new InputError(`Expected --run, or a store with one run, found ${found}; say which run is meant.`, {
    runs: names,
  });
}

/** All tables of a run; dictionaries that stand on other tokens than the rest are left out and named. */
async function runTables(store: ObjectStore, run: string): Promise<{ sources: Source[]; notes: string[] }> {
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
  const fitting = pins.filter((pin) => pin.tokens.key === tokens?.key);
  for (const pin of fitting) sources.push(...(await dictionaryTables(store, pin)));
  const notes = pins
    .filter((pin) => !fitting.includes(pin))
    .map(
      ({ name }) => `The tables of ${name.dictionary} are left out: they stand on the tokens of an earlier revision.`,
    );
  return { sources, notes };
}

/** Tables of a dictionary that stand on no tokens. */
async function tablesAlone(store: ObjectStore, name: DictionaryName): Promise<Source[]> {
  const sources: Source[] = [];
  for (const table of sqlTables('alone')) {
    const snapshot = await latestSnapshot(store, dictionaryDataset(name, table));
    if (snapshot !== null)
      sources.push(...(await tablesOf(store, snapshot, { schema: name.dictionary, tables: [table] })));
  }
  return sources;
}

/** Each table of the index, or of the encoded shards where these have it too and the index is not complete yet. */
async function dictionaryTables(store: ObjectStore, { name, acts, index }: PinnedDictionary): Promise<Source[]> {
  const wanted = { schema: name.dictionary, tables: sqlTables('dictionary') };
  const encoded = await tablesOf(store, acts, wanted);
  const indexed = index === null ? [] : await tablesOf(store, index, wanted);
  return wanted.tables.flatMap((table) => {
    const [early, late] = [encoded, indexed].map((sources) => sources.find((source) => source.table === table));
    const chosen = late && (!early || late.snapshot.complete) ? late : early;
    return chosen ? [chosen] : [];
  });
}

interface Wanted {
  readonly schema: string;
  readonly tables: readonly TableSource['table'][];
}

async function tablesOf(store: ObjectStore, snapshot: Snapshot, { schema, tables }: Wanted): Promise<Source[]> {
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
