// Every table is read back as it was written: whole files, single batches, and damaged ones.
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { KeyedRandom } from '../../../../core/tensor/random.js';
import { DataError } from '../../../../schemas/errors.js';
import { LAYOUTS, TABLE_NAMES, type Layout, type TableName } from '../../../../storage/tables/layouts.js';
import { joinColumn, type ColumnData } from '../../../../storage/tables/column-data.js';
import { packColumns, unpackColumns } from '../../../../storage/tables/pack.js';
import { decodeBatch } from '../../../../storage/tables/decode.js';
import { readTable } from '../../../../storage/tables/read.js';
import type { TableFile } from '../../../../storage/tables/table-file.js';
import { RowsWriter } from '../../../../storage/tables/rows-writer.js';
import { samples, type Sample } from '../../../golden/tables/sample.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';

const folder = temporaryFolder('tables');

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
      const layout: Layout = LAYOUTS[sample.table];
      const pieces: (readonly ColumnData[])[] = [];
      for (const batch of file.batches) {
        const range = bytes.subarray(batch.offset, batch.offset + batch.length);
        expect(crc32(range)).toBe(batch.crc32);
        const columns = await decodeBatch(sample.table, sample.options, range);
        const at = layout.columns.findIndex((spec) => spec.name === layout.sort);
        const data = packColumns(layout, columns);
        pieces.push(data);
        const sorted = data[at]?.leaves[0];
        if (ArrayBuffer.isView(sorted) && !layout.permuted)
          expect([sorted[0], sorted.at(-1)]).toEqual([batch.min, batch.max]);
      }
      // The whole file is read by apache-arrow, its batches by our own decoder.
      const whole = await readTable(sample.table, file.path);
      const joined = layout.columns.map((_, c) => joinColumn(pieces.map((piece) => piece[c] as ColumnData)));
      expect(unpackColumns(layout, joined)).toEqual(whole.columns);
    });
  }

  it('that are damaged within a batch are a DataError or other values, never another error', async () => {
    for (const sample of samples()) {
      const [file] = await write(sample as Sample<TableName>, `${sample.file}-d`);
      const bytes = await readFile(file?.path ?? '');
      for (const { offset, length } of file?.batches ?? []) {
        const random = new KeyedRandom('damage', sample.file, offset);
        for (let damage = 0; damage < 60; damage++) {
          const range = Buffer.from(bytes.subarray(offset, offset + length));
          range[random.nextInt(Math.min(length, 400))] = random.nextInt(256);
          const cut = damage % 3 === 0 ? range.subarray(0, random.nextInt(length)) : range;
          const outcome = await decodeBatch(sample.table, sample.options, cut).catch((error: unknown) => error);
          if (outcome instanceof Error) expect(outcome).toBeInstanceOf(DataError);
        }
      }
    }
  });
});
