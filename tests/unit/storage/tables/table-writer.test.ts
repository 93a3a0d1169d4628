// Table files have the same bytes however rows come, keep to their size limits, and are read back only as what they
// are.
import { writeFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_OBJECT_BYTES } from '../../../../schemas/stored.js';
import { ArrowFileEncoder } from '../../../../storage/arrow/file-writer.js';
import { tableSchema } from '../../../../storage/tables/arrow-types.js';
import { LAYOUTS, type TableColumns, type TableName } from '../../../../storage/tables/layouts.js';
import { arrow } from '../../../../storage/arrow/library.js';
import { decodeBatch } from '../../../../storage/tables/decode.js';
import { readTableOptions } from '../../../../storage/tables/file-schema.js';
import { readTable } from '../../../../storage/tables/read.js';
import type { TableFile } from '../../../../storage/tables/table-file.js';
import { TableWriter } from '../../../../storage/tables/table-writer.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';

const folder = temporaryFolder('writer');

let files = 0;
async function write<T extends TableName>(
  table: T,
  pieces: readonly TableColumns[T][],
  options: { width?: number; k?: number; dtype?: 'float32' } = {},
): Promise<TableFile[]> {
  const writer = await TableWriter.open({
    ...options,
    table,
    path: join(folder, `${files++}.arrow`),
    shard: 's',
    metadata: null,
  });
  for (const piece of pieces) await writer.write(piece);
  return writer.finish();
}

function postings(from: number, to: number): TableColumns['postings'] {
  const rows = Uint32Array.from({ length: to - from }, (_, i) => from + i);
  return {
    feature: rows.map((i) => Math.floor(i / 100)),
    doc: rows.map((i) => i % 100),
    pos: rows.map((i) => (i * 7) % 90),
    value: Uint16Array.from(rows),
  };
}

describe('table writer', () => {
  it('writes the same bytes however the rows are handed over', async () => {
    const [whole] = await write('postings', [postings(0, 40_000)]);
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.integer({ min: 1, max: 39_999 }), { maxLength: 6 }), async (cuts) => {
        const borders = [0, ...cuts.sort((a, b) => a - b), 40_000];
        const pieces = borders.slice(1).map((to, i) => postings(borders[i] ?? 0, to));
        const [cut] = await write('postings', pieces);
        expect(cut?.sha256).toBe(whole?.sha256);
      }),
      { numRuns: 10, seed: 1 },
    );
    expect(whole?.batches.map((b) => b.rows)).toEqual([
      LAYOUTS.postings.batchRows,
      LAYOUTS.postings.batchRows,
      40_000 - 2 * LAYOUTS.postings.batchRows,
    ]);
  });

  it('keeps what it was given when the caller reuses its buffers', async () => {
    const columns = postings(0, 50);
    const writer = await TableWriter.open({
      table: 'postings',
      path: join(folder, 'reuse.arrow'),
      shard: 's',
      metadata: null,
    });
    await writer.write(columns);
    columns.feature.fill(9);
    columns.value.fill(9);
    const [file] = await writer.finish();
    expect((await readTable('postings', file?.path ?? '')).columns).toEqual(postings(0, 50));
  });

  it('writes an empty table as a file with its schema', async () => {
    const [file] = await write('tokens', []);
    expect(file).toMatchObject({ rows: 0, batches: [] });
    const { columns } = await readTable('tokens', file?.path ?? '');
    expect(columns).toEqual({
      doc: new Uint32Array(0),
      offsets: new Uint32Array(1),
      ids: new Uint32Array(0),
      starts: new Uint32Array(0),
      ends: new Uint32Array(0),
    });
  });

  it('starts a new file before an object would grow too large', async () => {
    const width = 8192;
    const rows = 4500; // 32 KiB each: 141 MB
    const columns = {
      doc: new Uint32Array(rows).map((_, i) => i),
      pos: new Uint32Array(rows),
      act: new Float32Array(rows * width).fill(1),
    };
    const written = await write('activations', [columns], { width, dtype: 'float32' });
    expect(written.length).toBe(2);
    expect(written.reduce((sum, file) => sum + file.rows, 0)).toBe(rows);
    for (const file of written) expect(file.bytes).toBeLessThanOrEqual(MAX_OBJECT_BYTES);
    expect((await readTable('activations', written[1]?.path ?? '')).columns.doc[0]).toBe(written[0]?.rows);
  });

  it('cuts batches of long rows before they take too much memory', async () => {
    const text = 'x'.repeat(6 * 2 ** 20);
    const [file] = await write('source', [
      {
        id: ['a', 'b', 'c', 'd', 'e'],
        text: [text, text, text, text, 'y'],
        meta: ['{}', '{}', '{}', '{}', '{}'],
      },
    ]);
    // Two texts of 6 MiB fit into 16 MiB, a third does not.
    expect(file?.batches.map((b) => b.rows)).toEqual([2, 3]);
    expect(file?.batches.map((b) => [b.min, b.max])).toEqual([
      [0, 1],
      [2, 4],
    ]);
  });

  it('keeps one read of top small, whatever the number of slots', async () => {
    const k = 1024;
    const rows = 60;
    const examples = {
      count: new Uint32Array(rows).fill(k),
      doc: new Uint32Array(rows * k),
      pos: new Uint32Array(rows * k),
      value: new Uint16Array(rows * k),
    };
    const [file] = await write('top', [{ feature: Uint32Array.from({ length: rows }, (_, i) => i), examples }], { k });
    for (const batch of file?.batches ?? []) expect(batch.length).toBeLessThan(300 * 1024);
    const head = (await readFile(file?.path ?? '')).subarray(0, file?.batches[0]?.offset);
    expect(readTableOptions(head, 'x')).toEqual({ table: 'top', options: { k } });
  });

  it('names the columns that do not agree', async () => {
    const columns = { ...postings(0, 10), pos: new Uint32Array(9) };
    await expect(write('postings', [columns])).rejects.toThrow(
      'Expected 10 rows in every column of table "postings" as in "feature", got 9 in "pos"; give columns of one length.',
    );
    const wrong = {
      ...postings(0, 10),
      value: new Float32Array(10),
    } as unknown as TableColumns['postings'];
    await expect(write('postings', [wrong])).rejects.toThrow(
      'Expected column "value" (f16) in a Uint16Array, got a Float32Array; convert it before writing.',
    );
    await expect(write('activations', [], {})).rejects.toThrow(
      'Expected the option "width" (a positive number) for column "act"',
    );
  });
});

describe('reading', () => {
  it('refuses a file of another table, of a newer version, or none', async () => {
    const [file] = await write('postings', [postings(0, 3)]);
    const path = file?.path ?? '';
    await expect(readTable('tokens', path)).rejects.toThrow(
      `Expected a file of table "tokens", ${path} holds "postings"; give a file of that table.`,
    );
    const { fields, metadata } = tableSchema(LAYOUTS.postings, {});
    const encoder = new ArrowFileEncoder(
      new arrow.Schema(fields, new Map([...metadata, ['formatVersion', '9']])),
      true,
    );
    const newer = Buffer.concat([...encoder.takeChunks(), ...encoder.finish()]);
    await expect(readTable('postings', newer)).rejects.toThrow(
      /Expected format version 1 or older, \d+ bytes has 9; read it with a newer release/,
    );
    const none = join(folder, 'none.arrow');
    await writeFile(none, 'not arrow at all, but long enough to look at');
    await expect(readTable('postings', none)).rejects.toThrow(
      `Expected an Arrow IPC file, ${none} cannot be read as one`,
    );
    await expect(decodeBatch('postings', {}, new Uint8Array(64))).rejects.toThrow(
      'Expected one record batch of table "postings" in 64 bytes, found none',
    );
  });
});
