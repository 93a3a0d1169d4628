// Answers one SELECT over tables of runs: loads only the tables and columns that it names into a DuckDB database of its own, and
// runs it there. Rows are handed on as DuckDB makes them, so that an answer takes no memory, however long it is. Reads only.
import type { DuckDBConnection, DuckDBDataChunk, DuckDBType, DuckDBValue } from '@duckdb/node-api';
import { InputError, ResourceError } from '../../schemas/errors.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { LAYOUTS } from '../../storage/tables/layouts.js';
import { newCounters, type ReadCounters } from '../../storage/scan/batch-reader.js';
import { openDatabase, parseQuery } from './database.js';
import { interruptOn } from './interrupt.js';
import { estimateBytes, loadTable, type LoadedTable, type TableSource } from './load-table.js';
import { checkMemberNames } from './member-names.js';
import { queryError, type KnownTables } from './query-error.js';
import type { QueryNames } from './query-names.js';
import { quoted } from './quoted.js';
import { placeName, resolveTables, type Place, type Resolved } from './resolve-tables.js';

/** Tables that a query may name. */
export interface QueryTables {
  readonly tables: readonly TableSource[];
  /** The run of those without `run`; null: unknown. */
  readonly meant: string | null;
}

export interface SqlOptions {
  readonly store: ObjectStore;
  /** Finds the tables, once it is known what the query names. */
  readonly find: (names: QueryNames) => Promise<QueryTables>;
  /** Most bytes that may be loaded; default 4 GB. */
  readonly maxBytes?: number | undefined;
  /** Threads of the database; default 2. */
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SqlColumn {
  readonly name: string;
  /** As DuckDB writes it. */
  readonly type: string;
}

/** An answer that is still being made. */
export interface SqlStream {
  readonly columns: readonly SqlColumn[];
  readonly types: readonly DuckDBType[];
  readonly loaded: readonly LoadedTable[];
  readonly cost: ReadCounters;
  /** The rows, about two thousand at a time; once. */
  readonly chunks: AsyncIterable<DuckDBDataChunk>;
}

const GIB = 2 ** 30;
const DEFAULT_MAX_BYTES = 4 * GIB;

/**
 * What `use` makes of the rows of one SELECT (also WITH, FROM, SUMMARIZE).
 * @throws InputError where it is not one, names an unknown or ambiguous table, is wrong, or needs more than maxBytes
 */
export async function streamSql<T>(
  sql: string,
  options: SqlOptions,
  use: (answer: SqlStream) => Promise<T>,
): Promise<T> {
  const { store, signal, threads = 2, maxBytes = DEFAULT_MAX_BYTES } = options;
  const { connection, close } = await openDatabase({ threads, maxBytes });
  const heard = interruptOn(connection, signal);
  try {
    const names = await parseQuery(connection, sql);
    const { tables, meant } = await options.find(names);
    const resolved = resolveTables(names.tables, tables, meant);
    const wanted = resolved.map(({ source }) => ({ source, columns: columnsOf(source, names) }));
    checkSize(wanted, maxBytes);
    await attachRuns(connection, resolved);
    const known = { tables, used: resolved.map(({ source }) => source) };
    const cost = newCounters();
    const loaded: LoadedTable[] = [];
    for (const { source, columns } of wanted)
      loaded.push(
        await loadTable(connection, source, { columns, read: { store, counters: cost, signal } }).catch(
          (error: unknown) => {
            throw isMemory(error) ? failed(error, known) : error;
          },
        ),
      );
    await createViews(connection, resolved);
    signal?.throwIfAborted();
    return await use({ ...(await startQuery(connection, sql, known)), loaded, cost });
  } finally {
    heard();
    close();
  }
}

/** The rows of a chunk, one at a time: a chunk of long texts is never held as texts. */
export function* rowsOf(chunk: DuckDBDataChunk): Generator<DuckDBValue[]> {
  const vectors = Array.from({ length: chunk.columnCount }, (_, c) => chunk.getColumnVector(c));
  for (let row = 0; row < chunk.rowCount; row++) yield vectors.map((vector) => vector.getItem(row));
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
    name: placeName(source),
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

/** Names that DuckDB keeps for databases of its own. */
const RESERVED = ['memory', 'system', 'temp'];

/** A database in memory for every run that the query names. */
async function attachRuns(connection: DuckDBConnection, resolved: readonly Resolved[]): Promise<void> {
  const places: readonly Place[] = resolved.flatMap(({ source, views }) => [source, ...views]);
  for (const run of new Set(places.flatMap(({ run }) => run ?? []))) {
    if (RESERVED.includes(run.toLowerCase()))
      throw new InputError(
        `Expected the name of a run that a query can hold, found "${run}", which DuckDB keeps for itself; name its tables without it, and give --run ${run}.`,
        { run },
      );
    await connection.run(`attach ':memory:' as ${quoted(run)}`);
  }
}

/** Lets a query say `postings` where only one dictionary's is meant, and `run.documents`. */
async function createViews(connection: DuckDBConnection, resolved: readonly Resolved[]): Promise<void> {
  for (const { source, views } of resolved) {
    const home = placeName({ ...source, run: source.run ?? 'memory' });
    for (const { run = 'memory', schema, table } of views) {
      await connection.run(`create schema if not exists ${quoted(run)}.${quoted(schema)}`);
      await connection.run(`create view ${placeName({ run, schema, table })} as from ${home}`);
    }
  }
}

async function startQuery(
  connection: DuckDBConnection,
  sql: string,
  known: KnownTables,
): Promise<Pick<SqlStream, 'columns' | 'types' | 'chunks'>> {
  try {
    const result = await connection.stream(sql);
    const types = result.columnTypes();
    const columns = result.columnNames().map((name, i) => ({ name, type: String(types[i]) }));
    columns.forEach(({ name }, i) => {
      checkMemberNames(name, types[i] as DuckDBType);
    });
    // The first rows are made before anything is written: most queries that fail do so here.
    const first = await result.fetchChunk();
    return { columns, types, chunks: chunksFrom(first, () => result.fetchChunk(), known) };
  } catch (error) {
    throw failed(error, known);
  }
}

async function* chunksFrom(
  first: DuckDBDataChunk | null,
  next: () => Promise<DuckDBDataChunk | null>,
  known: KnownTables,
): AsyncGenerator<DuckDBDataChunk> {
  for (let chunk = first; chunk !== null && chunk.rowCount > 0;) {
    yield chunk;
    chunk = await next().catch((error: unknown) => {
      throw failed(error, known);
    });
  }
}

function isMemory(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Out of Memory');
}

/** The error in our words; that of an interrupt stays, which is no fault of the query. */
function failed(error: unknown, known: KnownTables): unknown {
  if (error instanceof InputError) return error;
  const message = error instanceof Error ? error.message.trim() : String(error);
  if (message.startsWith('INTERRUPT')) return error;
  if (isMemory(error)) {
    return new ResourceError(
      `The query needs more memory than it may take: ${message.split('\n')[0] ?? ''}. Name fewer columns or rows, raise --max-bytes, or run \`assay export DATASET --to parquet\` and query the files.`,
    );
  }
  return queryError(message, known);
}

function gigabytes(bytes: number): string {
  return `${(bytes / GIB).toFixed(1)} GB`;
}
