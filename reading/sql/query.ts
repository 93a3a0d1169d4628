// One SQL query over the tables of a store's runs: which runs it names, and how much of a table that still grows it has seen.
import type { z } from 'zod';
import type { sqlDocument } from '../../schemas/documents/features.js';
import { InputError } from '../../schemas/errors.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { leftOut, type LeftOut } from '../datasets/left-out.js';
import { findRun } from '../../storage/records/run-history.js';
import { listRuns } from '../../storage/records/revisions.js';
import { isTableName, sqlTables } from '../../storage/tables/layouts.js';
import type { QueryNames } from './query-names.js';
import { sameName } from './resolve-tables.js';
import { runTables, type SnapshotTable } from './run-tables.js';
import { streamSql, type SqlStream } from './select.js';

export interface SqlRequest {
  readonly query: string;
  /** The run that names without one mean; null: the only run of the store. */
  readonly run: string | null;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface SqlResult extends SqlStream {
  readonly coverage: z.infer<typeof sqlDocument>['coverage'];
  readonly notes: readonly string[];
  /** Of the tables that the query reads. */
  readonly leftOut: LeftOut;
}

/** What `use` makes of the query's rows, told which of its tables still grow. */
export async function querySql<T>(
  store: ObjectStore,
  { query, run, maxBytes, signal }: SqlRequest,
  use: (answer: SqlResult) => Promise<T>,
): Promise<T> {
  const tables: SnapshotTable[] = [];
  const notes: string[] = [];
  const find = async (names: QueryNames): Promise<{ tables: readonly SnapshotTable[]; meant: string | null }> => {
    const { meant, others, gone } = await runsOf(store, names, run);
    const profile = names.tables.some(({ name }) => sqlTables('index').some((table) => sameName(name, table)));
    for (const name of [...(meant === null ? [] : [meant]), ...others]) {
      const found = await runTables(store, name, { profile });
      tables.push(...(name === meant ? found.sources : found.sources.map((source) => ({ ...source, run: name }))));
      notes.push(...found.notes);
    }
    // Refused there with what to do, except where the name is that of a dictionary.
    for (const name of gone) if (!tables.some(({ schema }) => sameName(schema, name))) await findRun(store, name);
    return { tables, meant };
  };
  return streamSql(query, { store, find, maxBytes, signal }, async (answer) => {
    const isLoaded = (table: SnapshotTable): boolean =>
      answer.loaded.some((l) => l.run === table.run && l.schema === table.schema && l.table === table.table);
    const loaded = tables.filter(isLoaded);
    return use({ ...answer, coverage: coverageOf(loaded), notes, leftOut: await leftOutOf(store, loaded) });
  });
}

function coverageOf(tables: readonly SnapshotTable[]): SqlResult['coverage'] {
  return tables.flatMap(({ table, snapshot }) =>
    snapshot === null || snapshot.complete
      ? []
      : [{ table, dataset: snapshot.dataset, shards: snapshot.commits, planned: snapshot.planned }],
  );
}

/** What the stages of the tables leave out, each once. */
async function leftOutOf(store: ObjectStore, tables: readonly SnapshotTable[]): Promise<LeftOut> {
  const snapshots = tables.flatMap(({ snapshot }) => snapshot ?? []);
  const found = await Promise.all(snapshots.map((snapshot) => leftOut(store, snapshot)));
  return [...new Map(found.flat().map((one) => [one.dataset, one])).values()];
}

interface RunsOfQuery {
  /** The run that names without one mean, null where the query has none. */
  readonly meant: string | null;
  /** The other runs that the query names. */
  readonly others: readonly string[];
  /** Names of the query that could be those of runs that are being removed. */
  readonly gone: readonly string[];
}

async function runsOf(store: ObjectStore, names: QueryNames, given: string | null): Promise<RunsOfQuery> {
  const listed = await listRuns(store);
  const those = (isGone: boolean): string[] =>
    listed.filter(({ removing }) => removing === isGone).map(({ name }) => name);
  const [runs, removed] = [those(false), those(true)];
  const meant = given === null ? (runs.length === 1 ? (runs[0] ?? null) : null) : (await findRun(store, given)).name;
  const named = new Set<string>();
  const gone = new Set<string>();
  for (const { catalog, schema, name } of names.tables) {
    if (!isTableName(name.toLowerCase())) continue;
    const isNamed = (one: string): boolean => sameName(one, catalog === '' ? schema : catalog);
    const found = runs.filter(isNamed);
    if (catalog !== '' && found.length === 0) await findRun(store, catalog);
    for (const one of found) named.add(one);
    if (catalog !== '' || found.length > 0) continue;
    const leftovers = removed.filter(isNamed);
    for (const one of leftovers) gone.add(one);
    if (meant === null && leftovers.length === 0) throw severalRuns(runs, { schema, name });
  }
  return { meant, others: [...named].filter((name) => name !== meant), gone: [...gone] };
}

function severalRuns(runs: readonly string[], { schema, name }: { schema: string; name: string }): InputError {
  const found = runs.length === 0 ? 'none' : runs.join(', ');
  const table = schema === '' ? name : `${schema}.${name}`;
  return new InputError(
    `Expected --run, or a store with one run, found ${found}; say which run is meant, or name it before the table: from "RUN".${table}`,
    { runs },
  );
}
