// Parquet rows become documents; DuckDB writes the files.
import { DuckDBInstance } from '@duckdb/node-api';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { inflateRawSync, type InflateRaw } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../../../schemas/errors.js';
import { checkFirstRecord } from '../../../../stages/corpus/first-record.js';
import { listParts } from '../../../../stages/corpus/parts.js';
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
    expect(error.details).toMatchObject({ missing: ['text'] });
  });
});

describe('values of a Parquet part', () => {
  it('keep every digit of integers, decimals, times, floats and JSON, also inside lists, structs and maps', async () => {
    const folder = await parquet(
      `select 'a' as id, 'x' as text, 18446744073709551615::ubigint as u64, '-9223372036854775808'::bigint as i64,
       '12345678901234567890123456.78'::decimal(30, 2) as wide, 0.30::decimal(4, 2) as small, 12345678901234.5678::decimal(18, 4) as middle,
       [1.10::decimal(4, 2), null] as list, {'d': '0.10000000000000000055'::decimal(25, 20), 's': 'y'} as struct,
       map {'k': '9007199254740993'::decimal(20, 0)} as map, [{'d': 2.5::decimal(3, 1)}] as deep,
       '2023-11-14 22:13:20.123456789'::timestamp_ns as ns, timestamp '2023-11-14 22:13:20.000001' as us,
       '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid as uuid, 'nan'::double as nan, '-inf'::float as inf,
       1.2345678901234567e19::double as large, '{"n": 9007199254740993}'::json as json, null::decimal(9, 2) as none`,
      'compression zstd',
    );
    const { shards } = await runSource(folder, 'a.parquet');
    const [row] = [...shards.values()].flat();
    expect(row?.meta).toBe(
      '{"u64":"18446744073709551615","i64":"-9223372036854775808","wide":"12345678901234567890123456.78","small":0.3,' +
        '"middle":"12345678901234.5678","list":[1.1,null],"struct":{"d":"0.10000000000000000055","s":"y"},' +
        '"map":{"k":"9007199254740993"},"deep":[{"d":2.5}],"ns":"2023-11-14T22:13:20.123456789Z",' +
        '"us":"2023-11-14T22:13:20.000001Z","uuid":"6ba7b810-9dad-11d1-80b4-00c04fd430c8","nan":"NaN","inf":"-Infinity",' +
        '"large":1.2345678901234567e+19,"json":{"n":9007199254740993},"none":null}',
    );
  });

  it('of the recorded file have the digits that pyarrow reads', async () => {
    const { shards } = await runSource('tests/cases/data/p-types', 'x.parquet');
    const row = [...shards.values()].flat().find(({ id }) => id === 'd0');
    expect(JSON.parse(row?.meta ?? '')).toEqual({
      u64: '18446744073709551615',
      i64: '-9223372036854775808',
      ts_ns: '2023-11-14T22:13:20.123456789Z',
      ts_us: '2023-11-14T22:13:20.123456Z',
      date: '2024-02-29T00:00:00.000Z',
      time: '01:00:00.123456',
      dur: 'PT0.000005S',
      dec: '12345678901234567890.12',
      f16: 1.5,
      nan: 'NaN',
      inf: 'Infinity',
      bool: true,
      null: null,
      bin: { invalidUtf8: '//4=' },
    });
  });
});

describe('a damaged page of a Parquet part', () => {
  it('with gzip pages is refused by its checksum', async () => {
    const folder = await parquet(ROWS, 'compression gzip');
    const bytes = await readFile(path.join(folder, 'a.parquet'));
    const content = bytes.indexOf(Buffer.from([0x1f, 0x8b])) + 10;
    const { engine } = inflateRawSync(bytes.subarray(content), { info: true }) as unknown as { engine: InflateRaw };
    const checksum = content + engine.bytesWritten;
    bytes[checksum] = (bytes[checksum] ?? 0) ^ 1;
    await writeFile(path.join(folder, 'a.parquet'), bytes);
    const error = await failureOf(runSource(folder, 'a.parquet'));
    expect(error.message).toMatch(/cannot be read as one \(incorrect data check\)/);
  });

  it('with zstd pages is refused by what its frame states', async () => {
    const folder = await parquet(ROWS, 'compression zstd');
    const bytes = await readFile(path.join(folder, 'a.parquet'));
    const descriptor = bytes.indexOf(Buffer.from([0x28, 0xb5, 0x2f, 0xfd])) + 4;
    bytes[descriptor] = (bytes[descriptor] ?? 0) ^ 8;
    await writeFile(path.join(folder, 'a.parquet'), bytes);
    const error = await failureOf(runSource(folder, 'a.parquet'));
    expect(error.message).toMatch(/a page of .*a\.parquet is damaged \(a reserved bit/);
  });
});

describe('a JSON lines part', () => {
  it('keeps every digit of a number in its other fields', async () => {
    const { shards } = await runSource('tests/cases/data/a-bigint', 'x.jsonl');
    const row = [...shards.values()].flat().find(({ id }) => id === 'd0');
    expect(row?.meta).toBe('{"tweet_id":1285704473650888702,"price":1.2345678901234567e+19}');
  });
});
