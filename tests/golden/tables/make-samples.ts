// Writes the sample files of every table into a folder, for the golden test and for check_tables.py.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TableFile } from '../../../storage/tables/table-file.js';
import { LAYOUTS, type Layout, type TableName } from '../../../storage/tables/layouts.js';
import { RowsWriter } from '../../../storage/tables/rows-writer.js';
import { samples, type Sample } from './sample.js';

/** Writes every sample into `folder`; resolves to its files by name. */
export async function writeSamples(folder: string): Promise<Map<string, TableFile>> {
  await mkdir(folder, { recursive: true });
  const files = new Map<string, TableFile>();
  for (const sample of samples()) {
    const { table, columns, options, file } = sample as Sample<TableName>;
    const layout: Layout = LAYOUTS[table];
    const writer = await RowsWriter.open(layout, {
      ...options,
      path: join(folder, `${file}.arrow`),
      shard: 'sample',
      metadata: { key: 'sample', model: 'none', site: 'none' },
    });
    await writer.write(columns);
    for (const written of await writer.finish()) files.set(file, written);
  }
  return files;
}
