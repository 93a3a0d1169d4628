// Writes a table as one Parquet file (zstd) by DuckDB, so that other programs can prune and query it. The rows go through
// a database file beside the target, so that memory does not grow with the table; its folder is of this process, and what a killed
// one left there goes with the next export.
import { rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DuckDBInstance, type DuckDBConnection, type DuckDBType } from '@duckdb/node-api';
import { AssayError, InputError, ResourceError } from '../../schemas/errors.js';
import { arrow } from '../../storage/arrow/library.js';
import { ArrowStreamEncoder } from '../../storage/arrow/stream-writer.js';
import type { ObjectRecord } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { newCounters, type ReadCounters } from '../../storage/scan/batch-reader.js';
import { makeOwnFolder } from '../../storage/files/own-folder.js';
import { interruptOn } from '../sql/interrupt.js';
import { loadTable } from '../sql/load-table.js';
import { arrowColumn } from '../sql/formats/arrow-columns.js';
import { quoted } from '../sql/quoted.js';
import { LAYOUTS, type TableName } from '../../storage/tables/layouts.js';

export interface ExportRequest {
  readonly store: ObjectStore;
  readonly objects: readonly ObjectRecord[];
  readonly table: TableName;
  /** Parquet file to create; replaced where it exists, once it is whole. */
  readonly path: string;
  /** Columns by which the rows are sorted; none: as they are stored. */
  readonly sort?: readonly string[] | undefined;
  /** Ends the export at once; nothing is left of it. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: ExportProgress) => void) | undefined;
}

/** How far a table is. */
export interface ExportProgress {
  readonly table: TableName;
  readonly doing: 'reading' | 'sorting' | 'writing';
  /** Rows that this step has taken. */
  readonly rows: number;
  readonly allRows: number;
  /** Of the file that is written. */
  readonly bytes: number;
}

/** Time between two looks at what DuckDB does. */
const LOOK_MS = 250;
/** Begins the name of the folder for the temporary database. */
const OWN_PREFIX = '.assay-export-';

export interface Exported {
  readonly rows: number;
  readonly columns: readonly string[];
  readonly cost: ReadCounters;
}

/**
 * Rows written. u64 becomes UBIGINT, f16 FLOAT, used slots a list; vectors of a fixed width stay so for readers of Arrow's schema.
 * @throws InputError where no object is of the table
 */
export async function exportParquet(request: ExportRequest): Promise<Exported> {
  const { table, path } = request;
  const objects = request.objects.filter((object) => object.table === table);
  if (objects.length === 0)
    throw new InputError(
      `Expected objects of table "${table}" to export, got none; \`assay datasets\` lists what there is.`,
      { table },
    );
  const partial = `${path}.part`;
  let own: string | null = null;
  try {
    own = await makeOwnFolder(dirname(path), OWN_PREFIX);
    const exported = await copyThrough(join(own, 'rows.duckdb'), partial, { ...request, objects });
    await rename(partial, path);
    return exported;
  } catch (error) {
    throw request.signal?.aborted === true ? error : targetError(error, path);
  } finally {
    if (own !== null) await rm(own, { force: true, recursive: true });
    await remove(partial);
  }
}

/** Loads the objects into the database and copies them to the file. */
async function copyThrough(database: string, path: string, request: ExportRequest): Promise<Exported> {
  const { store, objects, table, sort, signal, onProgress } = request;
  const instance = await DuckDBInstance.create(database, {
    threads: '2',
    preserve_insertion_order: 'true',
  });
  const connection = await instance.connect();
  const heard = interruptOn(connection, signal);
  try {
    await prepare(connection);
    const cost = newCounters();
    const columns = LAYOUTS[table].columns.map((spec) => spec.name);
    const allRows = objects.reduce((sum, object) => sum + object.rows, 0);
    const onRows = (rows: number): void => onProgress?.({ table, doing: 'reading', rows, allRows, bytes: 0 });
    const loaded = await loadTable(
      connection,
      { schema: 'main', table, objects },
      { columns, read: { store, counters: cost, signal }, onRows },
    );
    signal?.throwIfAborted();
    const stop = watchCopy(connection, path, { table, allRows, sorts: (sort ?? []).length > 0, onProgress });
    await copyTo(connection, table, { path, sort: sort ?? [] }).finally(stop);
    signal?.throwIfAborted();
    return { rows: loaded.rows, columns: loaded.columns, cost };
  } finally {
    heard();
    connection.closeSync();
    instance.closeSync();
  }
}

/** What is no longer needed is not written once more at the end; and DuckDB says how far it is, to us alone. */
async function prepare(connection: DuckDBConnection): Promise<void> {
  for (const pragma of ['disable_checkpoint_on_shutdown', 'enable_progress_bar', 'disable_print_progress_bar'])
    await connection.run(`pragma ${pragma}`);
}

interface Watched extends Pick<ExportProgress, 'table' | 'allRows'> {
  readonly sorts: boolean;
  readonly onProgress: ExportRequest['onProgress'];
}

/** Tells how far a copy is, until what is returned is called. */
function watchCopy(
  connection: DuckDBConnection,
  path: string,
  { table, allRows, sorts, onProgress }: Watched,
): () => void {
  if (!onProgress) return () => undefined;
  const look = async (): Promise<void> => {
    // DuckDB counts a few steps of its own with the rows.
    const rows = Math.min(allRows, Number(connection.progress.rows_processed));
    const bytes = await stat(path).then(
      ({ size }) => size,
      () => 0,
    );
    if (!stopped) onProgress({ table, doing: sorts && rows < allRows ? 'sorting' : 'writing', rows, allRows, bytes });
  };
  let stopped = false;
  void look();
  const timer = setInterval(() => void look(), LOOK_MS);
  return () => {
    stopped = true;
    clearInterval(timer);
  };
}

interface Copy {
  readonly path: string;
  readonly sort: readonly string[];
}

async function copyTo(connection: DuckDBConnection, table: TableName, { path, sort }: Copy): Promise<void> {
  const rows = sort.length === 0 ? quoted(table) : `(from ${quoted(table)} order by ${sort.map(quoted).join(', ')})`;
  const fixed = LAYOUTS[table].columns.some(({ shape }) => shape === 'fixed');
  const metadata = fixed ? `, kv_metadata {'ARROW:schema': '${await arrowSchema(connection, table)}'}` : '';
  await connection.run(
    `copy ${rows} to '${path.replaceAll("'", "''")}' (format parquet, compression zstd, use_tmp_file false${metadata})`,
  );
}

/** Parquet knows no lists of a fixed width; pyarrow and polars take them from Arrow's schema, which pyarrow keeps under this name too. */
async function arrowSchema(connection: DuckDBConnection, table: TableName): Promise<string> {
  const answer = await connection.run(`from ${quoted(table)} limit 0`);
  const types = answer.columnTypes();
  const fields = answer
    .columnNames()
    .map((name, i) => new arrow.Field(name, arrowColumn(types[i] as DuckDBType).type, true));
  return Buffer.concat(new ArrowStreamEncoder(new arrow.Schema(fields)).begin()).toString('base64');
}

/** What the system or DuckDB says of a place that cannot be written; other errors as they are. */
export function targetError(error: unknown, path: string): unknown {
  if (error instanceof AssayError || !(error instanceof Error)) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (/ENOSPC|EDQUOT|No space left|Out of space|Could not write|disk quota/i.test(`${code ?? ''} ${message}`)) {
    const text = `Expected room for ${path} and, while it is written, for its rows beside it, the disk is full (${message.trim()}); free some, or give --out on another disk.`;
    return new ResourceError(text, { path, code }, { cause: error });
  }
  if (code === undefined && !message.startsWith('IO Error')) return error;
  return new InputError(
    `Expected a folder that can be written for ${path}, it cannot (${message.trim()}); give another one with --out.`,
    { path, code },
    { cause: error },
  );
}

/** What lies there, if anything does; below a file nothing can. */
async function remove(path: string): Promise<void> {
  await rm(path, { force: true, recursive: true }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOTDIR') throw error;
  });
}
