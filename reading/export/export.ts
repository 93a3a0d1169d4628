// Writes the tables of a pinned dataset as Parquet files.
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import type { exportDocument } from '../../schemas/documents/datasets.js';
import { InputError } from '../../schemas/errors.js';
import type { Snapshot } from '../../schemas/records.js';
import { exportParquet, targetError, type ExportProgress } from './parquet.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { isTableName, LAYOUTS, type TableName } from '../../storage/tables/layouts.js';
import { snapshotObjects } from '../datasets/pinned.js';

export interface ExportTarget {
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly sort: readonly string[];
  readonly onProgress: (progress: ExportProgress) => void;
}

/** One file per table. @throws InputError for a dataset that is no table */
export async function exportTables(
  store: ObjectStore,
  snapshot: Snapshot,
  to: ExportTarget,
): Promise<z.infer<typeof exportDocument>['files']> {
  const tables = snapshot.tables.filter(isTableName);
  if (tables.length === 0) {
    throw new InputError(
      `Expected a dataset of tables, found ${snapshot.dataset} with ${snapshot.tables.join(', ')}, whose objects are files of another format; \`assay describe ${snapshot.dataset}\` says where they lie.`,
      { dataset: snapshot.dataset, tables: snapshot.tables },
    );
  }
  for (const table of tables) checkSort(table, to.sort);
  const objects = await snapshotObjects(store, snapshot);
  await mkdir(to.folder, { recursive: true }).catch((error: unknown) => {
    throw targetError(error, to.folder);
  });
  const files: z.infer<typeof exportDocument>['files'] = [];
  for (const table of tables) {
    const path = join(to.folder, `${table}.parquet`);
    const { sort, signal, onProgress } = to;
    const { rows } = await exportParquet({ store, objects, table, path, sort, signal, onProgress });
    files.push({ path, bytes: (await stat(path)).size, rows });
  }
  return files;
}

/** Rows are sorted by columns of one value each. @throws InputError that names those of the table */
function checkSort(table: TableName, sort: readonly string[]): void {
  const columns: readonly { readonly name: string; readonly shape: string }[] = LAYOUTS[table].columns;
  const known = columns.filter(({ shape }) => shape === 'one').map(({ name }) => name);
  const wrong = sort.find((name) => !known.includes(name));
  if (wrong === undefined) return;
  throw new InputError(
    `Expected columns of table "${table}" to sort by, found "${wrong}"; there are ${known.join(', ')}.`,
    { table, column: wrong, columns: known },
  );
}
