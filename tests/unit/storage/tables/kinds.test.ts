// A table is one row: a toy table with every kind of column is written, read whole and by single batches, cut at every border,
// and loaded by nothing but its row. tests/golden/tables shows that other programs read the same file.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LEVELS, one } from '../../../../storage/tables/columns.js';
import { LAYOUTS, TABLE_NAMES, named, table, type Layout } from '../../../../storage/tables/layouts.js';
import { membersFromRows } from '../../../../storage/tables/row-objects.js';
import { decodeRows } from '../../../../storage/tables/decode.js';
import { optionsOf, readSchema } from '../../../../storage/tables/file-schema.js';
import { readRows } from '../../../../storage/tables/rows-reader.js';
import { RowsWriter } from '../../../../storage/tables/rows-writer.js';
import type { TableFile } from '../../../../storage/tables/table-file.js';
import { TOY, TOY_OPTIONS, toyColumns } from '../../../golden/tables/toy.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';

const folder = temporaryFolder('kinds');

let files = 0;
async function write(pieces: readonly ReturnType<typeof toyColumns>[]): Promise<TableFile> {
  const path = join(folder, `${files++}.arrow`);
  const writer = await RowsWriter.open(TOY, { ...TOY_OPTIONS, path, shard: 's', metadata: { key: 'k' } });
  for (const piece of pieces) await writer.write(piece);
  const [file] = await writer.finish();
  if (!file) throw new Error('no file');
  return file;
}

describe('a table of every kind of column', () => {
  it('is read back as it was written', async () => {
    const file = await write([toyColumns(0, 41)]);
    const { columns, rows, metadata } = await readRows(TOY, file.path);
    expect(columns).toEqual(toyColumns(0, 41));
    expect(rows).toBe(41);
    expect(metadata.get('table')).toBe('toy');
  });

  it('has the same bytes however its rows are handed over', async () => {
    const whole = await write([toyColumns(0, 41)]);
    for (const cut of [1, 7, 8, 20, 40]) {
      const cutFile = await write([toyColumns(0, cut), toyColumns(cut, 41)]);
      expect(cutFile.sha256).toBe(whole.sha256);
    }
  });

  it('states the range of its sort column, negative ones too, and gives each batch alone', async () => {
    const file = await write([toyColumns(0, 41)]);
    const bytes = await readFile(file.path);
    const options = optionsOf(TOY, readSchema(bytes, 'toy'));
    expect(options).toEqual(TOY_OPTIONS);
    expect(file.batches.length).toBeGreaterThan(2);
    let from = 0;
    for (const batch of file.batches) {
      const columns = await decodeRows(TOY, options, bytes.subarray(batch.offset, batch.offset + batch.length));
      const expected = toyColumns(from, from + batch.rows);
      expect(columns).toEqual(expected);
      expect([batch.min, batch.max]).toEqual([expected.i32[0], expected.i32.at(-1)]);
      from += batch.rows;
    }
    expect(file.batches[0]?.min).toBe(-20);
    expect(from).toBe(41);
  });

  it('is read without rows as columns without rows, of the types that its file states', async () => {
    const file = await write([]);
    expect((await readRows(TOY, file.path)).columns).toEqual(toyColumns(0, 0));
  });

  it('cuts its batches before text and inner lists take too many bytes', async () => {
    const { batches, rows } = await write([toyColumns(0, 41)]);
    const tight = named({ toy: { ...TOY, batchBytes: 2048 } }).toy as typeof TOY;
    const path = join(folder, 'tight.arrow');
    const writer = await RowsWriter.open(tight, { ...TOY_OPTIONS, path, shard: 's', metadata: {} });
    await writer.write(toyColumns(0, 41));
    const [cut] = await writer.finish();
    expect(rows).toBe(41);
    expect(cut?.batches.length).toBeGreaterThan(batches.length);
    expect((await readRows(tight, path)).columns).toEqual(toyColumns(0, 41));
  });

  it('names the column whose member is missing', async () => {
    const { lists, ...rest } = toyColumns(0, 3);
    const columns = { ...rest, lists: { offsets: lists.offsets, values: lists.values } } as unknown as typeof rest & {
      lists: typeof lists;
    };
    await expect(write([columns])).rejects.toThrow(
      'Expected column "lists" with its inner, got none; give every column of the table.',
    );
  });
});

describe('a table from rows as objects', () => {
  it('has nulls where a row leaves a nullable column out', () => {
    const layout = LAYOUTS.training;
    const row = { split: 'fit', step: 1, tokens: 2, loss: 0.5 };
    const columns = membersFromRows(layout, [row, { ...row, split: 'calib', fvu: null, lr: 3 }]);
    expect(columns.split).toEqual(['fit', 'calib']);
    expect(columns.loss).toEqual(Float64Array.of(0.5, 0.5));
    expect(columns.fvu).toEqual(Float64Array.of(NaN, NaN));
    expect(columns.lr).toEqual(Float64Array.of(NaN, 3));
  });
});

describe("the tables' rows", () => {
  it.each(TABLE_NAMES)('%s: members of its columns have names of their own', (name) => {
    const layout: Layout = LAYOUTS[name];
    for (const spec of layout.columns) {
      const members = [...LEVELS[spec.shape], 'count', ...spec.leaves.map((leaf) => leaf.member)];
      expect(new Set(members).size).toBe(members.length);
    }
    const members = layout.columns.map((spec) => spec.member);
    expect(new Set([...members, 'offsets']).size).toBe(members.length + 1);
  });

  it('prune by a number that they have', () => {
    // @ts-expect-error -- text cannot prune
    table({ ...TOY, columns: [one('id', 'utf8', ''), one('n', 'u32', '')], sort: 'id' });
    for (const name of TABLE_NAMES) {
      const { sort, columns }: Layout = LAYOUTS[name];
      if (sort !== null) expect(columns.map((spec) => spec.name)).toContain(sort);
    }
  });
});
