// What the pages of a Parquet file state of themselves is held against their bytes: a page whose checksum does not fit a column
// that ends early, and a file that is cut while it is read are refused. make_checked.py of the golden files writes the inputs.
import { readFile, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parquetMetadata } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import { checkPages } from '../../../../stages/corpus/parquet-pages.js';
import type { RawRecord } from '../../../../stages/corpus/raw-record.js';
import { readParquet } from '../../../../stages/corpus/read-parquet.js';
import { localBytes } from '../../../../stages/corpus/stored-bytes.js';
import { failureOf } from '../../../harness/failure-of.js';
import { temporaryFolderOfTest } from '../../../harness/temporary-folder.js';

const golden = (name: string): Promise<Buffer> => readFile(`tests/golden/parquet/${name}.parquet`);

function sliceOf(bytes: Buffer, start: number, end = bytes.length): ArrayBuffer {
  return new Uint8Array(bytes.subarray(start, end)).buffer;
}

async function rowsOf(bytes: Buffer): Promise<RawRecord[]> {
  const rows: RawRecord[] = [];
  const stored = {
    size: bytes.length,
    slice: (start: number, end?: number) => Promise.resolve(sliceOf(bytes, start, end)),
    async *chunks() {
      yield await Promise.resolve(bytes);
    },
  };
  for await (const some of readParquet(stored, 'the file')) rows.push(...some);
  return rows;
}

describe.each(['checked-1', 'checked-2'])('the pages of %s', (name) => {
  it('give every row where they are sound', async () => {
    const rows = await rowsOf(await golden(name));
    expect(rows.map((row) => ('fields' in row ? row.fields['text'] : null))).toEqual(
      Array.from({ length: 40 }, (_, i) => `text number ${i}`),
    );
  });

  it('are refused where a letter of a text differs from their checksum', async () => {
    const bytes = await golden(name);
    const column = parquetMetadata(sliceOf(bytes, 0)).row_groups[0]?.columns[1]?.meta_data;
    const at = Number(column?.data_page_offset) + Number(column?.total_compressed_size) - 3;
    bytes[at] = (bytes[at] ?? 0) ^ 2;
    expect((await failureOf(rowsOf(bytes))).message).toMatch(
      /^Expected a Parquet file, the file cannot be read as one \(a page of the column text does not have the checksum that is stated\); /,
    );
  });
});

it('a column with fewer values than are stated of it is refused', async () => {
  const bytes = await golden('checked-1');
  const [group] = parquetMetadata(sliceOf(bytes, 0)).row_groups;
  const [column] = group?.columns ?? [];
  if (!group || !column?.meta_data) throw new TypeError('no column');
  const file = { byteLength: bytes.length, slice: (start: number, end?: number) => sliceOf(bytes, start, end) };
  await expect(checkPages(file, group)).resolves.toBeUndefined();
  const longer = { ...column, meta_data: { ...column.meta_data, num_values: 26n } };
  await expect(checkPages(file, { ...group, columns: [longer] })).rejects.toThrow(
    'the column id holds 25 of the 26 values that are stated',
  );
});

it('a local file that is cut while it is read gives an error, not zeros', async () => {
  const file = path.join(temporaryFolderOfTest('corpus'), 'x.parquet');
  await writeFile(file, await golden('checked-1'));
  const bytes = await localBytes(file);
  expect((await bytes.slice(100, bytes.size + 50)).byteLength).toBe(bytes.size - 100);
  await truncate(file, 150);
  expect((await failureOf(bytes.slice(100, 200))).message).toMatch(
    /^Expected 100 bytes of .*x\.parquet from byte 100 on, found 50; /,
  );
});
