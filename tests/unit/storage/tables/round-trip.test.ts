import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TableName } from '../../../../storage/tables/layouts.js';
import { TABLE_NAMES } from '../../../../storage/tables/layouts.js';
import { packColumns } from '../../../../storage/tables/column-data.js';
import { decodeBatch, readTable } from '../../../../storage/tables/read.js';
import { TableWriter, type TableFile } from '../../../../storage/tables/table-writer.js';
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
  const writer = await TableWriter.open({
    ...sample.options,
    table: sample.table,
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
        const leading = packColumns(sample.table, columns)[0]?.leaves[0];
        if (leading instanceof Uint32Array && sample.table !== 'activations') {
          expect([leading[0], leading.at(-1)]).toEqual([batch.min, batch.max]);
        }
      }
    });
  }
});
