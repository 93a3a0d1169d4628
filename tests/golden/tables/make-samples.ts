// Writes the sample files of every table, and of a table with every kind of column, into a folder: for the golden test and for
// check_tables.py.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TableOptions } from '../../../storage/tables/columns.js';
import { LAYOUTS, type Layout } from '../../../storage/tables/layouts.js';
import { RowsWriter } from '../../../storage/tables/rows-writer.js';
import type { TableFile } from '../../../storage/tables/table-file.js';
import { samples } from './sample.js';
import { TOY, TOY_OPTIONS, toyColumns } from './toy.js';

export interface SampleFile {
  readonly layout: Layout;
  readonly file: string;
  readonly options: TableOptions;
  readonly columns: Readonly<Record<string, unknown>>;
}

/** Every sample with its table's row. */
export function sampleFiles(): SampleFile[] {
  const toy = { layout: TOY, file: 'toy', options: TOY_OPTIONS, columns: toyColumns(0, 41) };
  return [...samples().map(({ table, ...sample }) => ({ ...sample, layout: LAYOUTS[table] })), toy];
}

/** Writes every sample into `folder`; resolves to its files by name. */
export async function writeSamples(folder: string): Promise<Map<string, TableFile>> {
  await mkdir(folder, { recursive: true });
  const files = new Map<string, TableFile>();
  for (const { layout, columns, options, file } of sampleFiles()) {
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
