// Parquet rows become documents; DuckDB writes the files.
import { DuckDBInstance } from '@duckdb/node-api';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../../../schemas/errors.js';
import { checkFirstRecord, listParts } from '../../../../stages/corpus/parts.js';
import { temporaryFolderOfTest } from '../../../harness/temporary-folder.js';
import { failureOf } from '../../../harness/failure-of.js';
import { CONFIG, runSource } from './run-part.js';

const ROWS = `select 'doc-' || i as id, 'text é ' || i as text, i::bigint as n, 9007199254740993::bigint as big,
  [i, i + 1] as list, {'x': i::double / 4, 'y': null::varchar} as nested, date '2020-01-02' as day, 'ab'::blob as raw
  from range(5000) t(i)`;

async function parquet(select: string, options: string): Promise<string> {
  const folder = temporaryFolderOfTest('corpus');
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  await connection.run(`copy (${select}) to '${path.join(folder, 'a.parquet')}' (format parquet, ${options})`);
  connection.closeSync();
  return folder;
}

describe('a Parquet part', () => {
  it.each(['zstd', 'snappy', 'gzip', 'uncompressed'])(
    'with %s pages gives every row, over several row groups',
    async (compression) => {
      const folder = await parquet(ROWS, `compression ${compression}, row_group_size 2048`);
      const { shards, statistics } = await runSource(folder, 'a.parquet');
      expect(statistics.documents).toBe(5000);
      const rows = new Map([...shards.values()].flat().map((row) => [row.id, row]));
      expect(rows.get('doc-4999')?.text).toBe('text é 4999');
      expect(JSON.parse(rows.get('doc-3')?.meta ?? '')).toEqual({
        n: 3,
        big: '9007199254740993',
        list: [3, 4],
        nested: { x: 0.75, y: null },
        day: '2020-01-02T00:00:00.000Z',
        raw: 'ab',
      });
    },
  );

  it('with a bad row is named by the row', async () => {
    const folder = await parquet(
      "select 'a' || i as id, case when i = 2500 then null else 'x' end as text from range(3000) t(i)",
      'row_group_size 2048',
    );
    const error = await failureOf(runSource(folder, 'a.parquet'));
    expect(error.message).toMatch(
      /a\.parquet:2501: expected field "text" to be a string that is not empty, found null/,
    );
  });

  it('with text that is not UTF-8 is named by the row', async () => {
    const folder = await parquet(
      "select 'a' || i as id, case when i = 7 then '\\xC3\\x28'::blob else 'x'::blob end as text from range(9) t(i)",
      'compression zstd',
    );
    const error = await failureOf(runSource(folder, 'a.parquet'));
    expect(error.message).toMatch(/a\.parquet:8: expected field "text" .*, found bytes that are not UTF-8/);
  });

  it('without the columns is refused before the run, with the columns that there are', async () => {
    const folder = await parquet("select 1 as a, 'x' as content", 'compression zstd');
    const options = { baseFolder: folder, format: 'auto' } as const;
    const [part] = await listParts(['a.parquet'], options);
    if (!part) throw new TypeError('no part');
    const error = await failureOf(checkFirstRecord(part, CONFIG, options));
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toMatch(/a\.parquet: expected the columns id, text, found a, content/);
    expect(error.details).toMatchObject({ missing: ['id', 'text'] });
  });
});
