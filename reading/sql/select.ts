// Answers one SELECT over a run's tables: loads only the tables and columns that it names into a DuckDB database of its
// own, which can reach neither files nor network, and runs it there. Reads only.
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { InputError, ResourceError } from '../../schemas/errors.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { LAYOUTS } from '../../storage/tables/layouts.js';
import { newCounters, type ReadCounters } from '../../storage/scan/batch-reader.js';
import { exactDuckValue } from './exact-values.js';
import { estimateBytes, loadTable, type LoadedTable, type TableSource } from './load-table.js';
import { queryNames, type QueryNames, type TableReference } from './query-names.js';
import { quoted } from './quoted.js';

export interface SqlOptions {
  readonly store: ObjectStore;
  /** Tables of the run under schema `main`, those of a dictionary under its name. */
  readonly tables: readonly TableSource[];
  /** Most bytes that may be loaded; default 4 GB. */
  readonly maxBytes?: number | undefined;
  /** Threads of the database; default 2. */
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SqlAnswer {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** Values for `exactJson`. */
  readonly rows: readonly (readonly unknown[])[];
  readonly loaded: readonly LoadedTable[];
  readonly cost: ReadCounters;
}

export const MAIN_SCHEMA = 'main';
const GIB = 2 ** 30;
const DEFAULT_MAX_BYTES = 4 * GIB;

/**
 * The rows of one SELECT (also WITH, FROM, SUMMARIZE).
 * @throws InputError where it is not one, names an unknown or ambiguous table, is wrong, or needs more than maxBytes
 */
export async function runSql(sql: string, options: SqlOptions): Promise<SqlAnswer> {
  const instance = await openDatabase(options.threads ?? 2);
  const connection = await instance.connect();
  const interrupt = (): void => connection.interrupt();
  options.signal?.addEventListener('abort', interrupt);
  try {
    const names = await parse(connection, sql);
    const sources = resolveTables(names, options.tables);
    const wanted = sources.map((source) => ({ source, columns: columnsOf(source, names) }));
    checkSize(wanted, options.maxBytes ?? DEFAULT_MAX_BYTES);
    const cost = newCounters();
    const loaded: LoadedTable[] = [];
    for (const { source, columns } of wanted) {
      loaded.push(
        await loadTable(connection, source, {
          columns,
          read: { store: options.store, counters: cost, signal: options.signal },
        }),
      );
    }
    await createShortNames(connection, sources);
    return { ...(await answer(connection, sql, options.tables)), loaded, cost };
  } finally {
    options.signal?.removeEventListener('abort', interrupt);
    connection.closeSync();
    instance.closeSync();
  }
}

async function openDatabase(threads: number): Promise<DuckDBInstance> {
  const off = {
    enable_external_access: 'false',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  };
  return DuckDBInstance.create(':memory:', { threads: String(threads), ...off });
}

interface Serialised {
  readonly error: boolean;
  readonly error_type?: string;
  readonly error_message?: string;
  readonly statements?: readonly unknown[];
}

async function parse(connection: DuckDBConnection, sql: string): Promise<QueryNames> {
  const reader = await connection.runAndReadAll('select json_serialize_sql($1::varchar)', [sql]);
  const tree = JSON.parse(String(reader.value(0, 0))) as Serialised;
  if (tree.error) {
    const why = tree.error_type === 'parser' ? (tree.error_message ?? '') : 'it is another kind of statement';
    throw new InputError(
      `Expected one SELECT (or WITH, FROM, SUMMARIZE), got a query that cannot be read as one: ${why}. Correct it; datasets are read-only.`,
      { sql },
    );
  }
  if (tree.statements?.length !== 1) {
    throw new InputError(`Expected one SELECT, got ${tree.statements?.length ?? 0} statements; give one at a time.`, {
      sql,
    });
  }
  return queryNames(tree.statements);
}

/** The sources that a query's tables mean. */
function resolveTables(names: QueryNames, tables: readonly TableSource[]): TableSource[] {
  const found = new Set<TableSource>();
  for (const { schema, name } of names.tables) {
    const fitting = tables.filter((source) => isNamed(source, { schema, name }));
    const exact = fitting.filter((source) => source.schema === schema);
    const candidates = exact.length > 0 ? exact : fitting;
    const own =
      candidates.find((source) => source.schema === MAIN_SCHEMA) ??
      (candidates.length === 1 ? candidates[0] : undefined);
    if (own) found.add(own);
    else if (candidates.length > 1) {
      const list = candidates.map(fullName).join(', ');
      throw new InputError(
        `Expected to know which dictionary's "${name}" is meant, got ${candidates.length} candidates: ${list}. Qualify the name, as in: from ${fullName(candidates[0] as TableSource)}`,
        { table: name, candidates: list },
      );
    }
  }
  return [...found];
}

/** Names of SQL have no case, as DuckDB has it. */
function isNamed(source: TableSource, { schema, name }: TableReference): boolean {
  const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
  return same(source.table, name) && (schema === '' || same(source.schema, schema));
}

function columnsOf({ table }: TableSource, names: QueryNames): string[] {
  const all = LAYOUTS[table].columns.map((spec) => spec.name);
  return names.wholeRows ? all : all.filter((name) => names.words.has(name.toLowerCase()));
}

function checkSize(
  wanted: readonly { readonly source: TableSource; readonly columns: readonly string[] }[],
  maxBytes: number,
): void {
  const sizes = wanted.map(({ source, columns }) => ({
    name: fullName(source),
    bytes: estimateBytes(source, columns),
  }));
  const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total <= maxBytes) return;
  const list = sizes.map(({ name, bytes }) => `${name} ${gigabytes(bytes)}`).join(', ');
  throw new InputError(
    `Expected the query's tables to take at most ${gigabytes(maxBytes)}, they take about ${gigabytes(total)} (${list}). Name fewer columns, or run \`assay export DATASET --to parquet\` and query the files with DuckDB or polars.`,
    { bytes: total, maxBytes },
  );
}

/** Lets a query say `postings` where only one dictionary's is loaded. */
async function createShortNames(connection: DuckDBConnection, sources: readonly TableSource[]): Promise<void> {
  for (const source of sources) {
    const same = sources.filter((other) => other.table === source.table);
    if (source.schema === MAIN_SCHEMA || same.length > 1) continue;
    await connection.run(`create view ${MAIN_SCHEMA}.${quoted(source.table)} as from ${fullName(source)}`);
  }
}

async function answer(
  connection: DuckDBConnection,
  sql: string,
  tables: readonly TableSource[],
): Promise<Pick<SqlAnswer, 'columns' | 'rows'>> {
  try {
    const reader = await connection.runAndReadAll(sql);
    const types = reader.columnTypes();
    const columns = reader.columnNames().map((name, i) => ({ name, type: String(types[i]) }));
    return { columns, rows: reader.getRows().map((row) => row.map(exactDuckValue)) };
  } catch (error) {
    throw failed(error, tables);
  }
}

function failed(error: unknown, tables: readonly TableSource[]): InputError | ResourceError {
  const message = error instanceof Error ? error.message.trim() : String(error);
  if (message.startsWith('Out of Memory')) {
    return new ResourceError(
      `The query needs more memory than there is: ${message} Name fewer columns, or run \`assay export DATASET --to parquet\` and query the files.`,
    );
  }
  const known = tables.map(
    (source) => `${fullName(source)} (${LAYOUTS[source.table].columns.map((c) => c.name).join(', ')})`,
  );
  return new InputError(`The query is wrong: ${message}\nTables: ${known.join('; ')}.`, {
    tables: known,
  });
}

function fullName({ schema, table }: TableSource): string {
  return schema === MAIN_SCHEMA ? quoted(table) : `${quoted(schema)}.${quoted(table)}`;
}

function gigabytes(bytes: number): string {
  return `${(bytes / GIB).toFixed(1)} GB`;
}
