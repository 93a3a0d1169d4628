import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LAYOUTS, TABLE_NAMES, type Layout, type TableName } from '../../../../storage/tables/layouts.js';
import { packColumns } from '../../../../storage/tables/pack.js';
import { decodeBatch, readTable } from '../../../../storage/tables/read.js';
import type { TableFile } from '../../../../storage/tables/table-file.js';
import { RowsWriter } from '../../../../storage/tables/rows-writer.js';
import { samples, type Sample } from '../../../golden/tables/sample.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-tables-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function write<T extends TableName>(sample: Sample<T>, name: string): Promise<TableFile[]> {
  const path = join(folder, `${name}.arrow`);
  const layout: Layout = LAYOUTS[sample.table];
  const writer = await RowsWriter.open(layout, {
    ...sample.options,
    path,
    shard: 's',
    metadata: { key: 'k', site: 'x' },
  });
  await writer.write(sample.columns);
  return writer.finish();
}

describe('tables', () => {
  it('have a sample each, so that no table goes untested', () => {
    expect(new Set(samples().map((s) => s.table))).toEqual(new Set(TABLE_NAMES));
  });

  for (const sample of samples()) {
    it(`reads back what it wrote: ${sample.file}`, async () => {
      const [file] = await write(sample as Sample<TableName>, sample.file);
      const read = await readTable(sample.table, file?.path ?? '');
      expect(read.columns).toEqual(sample.columns);
      expect(read.metadata.get('key')).toBe('k');
      expect(read.metadata.get('table')).toBe(sample.table);
    });

    it(`states each batch by range, crc and sort range, decodable alone: ${sample.file}`, async () => {
      const [file] = await write(sample as Sample<TableName>, `${sample.file}-b`);
      if (!file) throw new Error('no file');
      const bytes = await readFile(file.path);
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(file.sha256);
      expect((await stat(file.path)).size).toBe(file.bytes);
      expect(file.batches.reduce((sum, batch) => sum + batch.rows, 0)).toBe(file.rows);
      for (const batch of file.batches) {
        const range = bytes.subarray(batch.offset, batch.offset + batch.length);
        expect(crc32(range)).toBe(batch.crc32);
        const columns = await decodeBatch(sample.table, sample.options, range);
        const layout: Layout = LAYOUTS[sample.table];
        const at = layout.columns.findIndex((spec) => spec.name === layout.sort);
        const sorted = packColumns(layout, columns)[at]?.leaves[0];
        if (ArrayBuffer.isView(sorted) && !layout.permuted)
          expect([sorted[0], sorted.at(-1)]).toEqual([batch.min, batch.max]);
      }
    });
  }
});
