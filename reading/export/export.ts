// Writes the tables of a pinned dataset as Parquet files.
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import type { exportDocument } from '../../schemas/documents/datasets.js';
import { InputError } from '../../schemas/errors.js';
import type { Snapshot } from '../../schemas/records.js';
import { exportParquet, targetError } from './parquet.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { isTableName } from '../../storage/tables/layouts.js';
import { snapshotObjects } from '../datasets/pinned.js';

/** One file per table. @throws InputError for a dataset that is no table */
export async function exportTables(
  store: ObjectStore,
  snapshot: Snapshot,
  to: { readonly folder: string; readonly signal: AbortSignal },
): Promise<z.infer<typeof exportDocument>['files']> {
  const tables = snapshot.tables.filter(isTableName);
  if (tables.length === 0) {
    throw new InputError(
      `Expected a dataset of tables, found ${snapshot.dataset} with ${snapshot.tables.join(', ')}, whose objects are files of another format; \`assay describe ${snapshot.dataset}\` says where they lie.`,
      { dataset: snapshot.dataset, tables: snapshot.tables },
    );
  }
  const objects = await snapshotObjects(store, snapshot);
  await mkdir(to.folder, { recursive: true }).catch((error: unknown) => {
    throw targetError(error, to.folder);
  });
  const files: z.infer<typeof exportDocument>['files'] = [];
  for (const table of tables) {
    const path = join(to.folder, `${table}.parquet`);
    const { rows } = await exportParquet({ store, objects, table, path, signal: to.signal });
    files.push({ path, bytes: (await stat(path)).size, rows });
  }
  return files;
}
