// Writes a table as one Parquet file (zstd) by DuckDB, so that other programs can prune and query it. The rows go through
// a database file beside the target, so that memory does not grow with the table.
import { rm } from 'node:fs/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { InputError } from '../../schemas/errors.js';
import type { ObjectRecord } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { newCounters, type ReadCounters } from '../../storage/scan/batch-reader.js';
import { loadTable, quoted } from '../sql/load-table.js';
import { LAYOUTS, type TableName } from '../../storage/tables/layouts.js';

export interface ExportRequest {
  readonly store: ObjectStore;
  readonly objects: readonly ObjectRecord[];
  readonly table: TableName;
  /** Parquet file to create; replaced where it exists. */
  readonly path: string;
  readonly signal?: AbortSignal | undefined;
}

export interface Exported {
  readonly rows: number;
  readonly columns: readonly string[];
  readonly cost: ReadCounters;
}

/**
 * Rows written. u64 becomes UBIGINT, f16 FLOAT, used slots a list.
 * @throws InputError where no object is of the table
 */
export async function exportParquet(request: ExportRequest): Promise<Exported> {
  const { store, table, path, signal } = request;
  const objects = request.objects.filter((object) => object.table === table);
  if (objects.length === 0)
    throw new InputError(
      `Expected objects of table "${table}" to export, got none; \`assay datasets\` lists what there is.`,
      { table },
    );
  const database = `${path}.duckdb`;
  await removeDatabase(database);
  const instance = await DuckDBInstance.create(database, {
    threads: '2',
    preserve_insertion_order: 'true',
  });
  const connection = await instance.connect();
  try {
    const cost = newCounters();
    const columns = LAYOUTS[table].columns.map((spec) => spec.name);
    const loaded = await loadTable(
      connection,
      { schema: 'main', table, objects },
      { columns, read: { store, counters: cost, signal } },
    );
    await connection.run(`copy ${quoted(table)} to '${path.replaceAll("'", "''")}' (format parquet, compression zstd)`);
    return { rows: loaded.rows, columns: loaded.columns, cost };
  } finally {
    connection.closeSync();
    instance.closeSync();
    await removeDatabase(database);
  }
}

async function removeDatabase(path: string): Promise<void> {
  await rm(path, { force: true });
  await rm(`${path}.wal`, { force: true });
}
