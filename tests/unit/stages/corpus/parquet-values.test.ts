// What `meta` has of the values of Parquet that JSON has no words for: times of day, durations, bytes, maps and what is absent at any
// depth. The files were written by pyarrow (tests/golden/parquet/make_values.py), JSON columns by DuckDB.
import { DuckDBInstance } from '@duckdb/node-api';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolderOfTest } from '../../../harness/temporary-folder.js';
import { failureOf } from '../../../harness/failure-of.js';
import { runSource } from './run-part.js';

const FILES = 'tests/golden/parquet';

type Meta = Record<string, unknown>;

async function metaOf(folder: string, file: string): Promise<Meta[]> {
  const { shards } = await runSource(folder, file);
  const rows = [...shards.values()].flat().sort((a, b) => (a.id < b.id ? -1 : 1));
  return rows.map((row) => JSON.parse(row.meta) as Meta);
}

async function written(select: string): Promise<string> {
  const folder = temporaryFolderOfTest('corpus');
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  await connection.run(`copy (${select}) to '${path.join(folder, 'a.parquet')}' (format parquet)`);
  connection.closeSync();
  return folder;
}

describe('values of Parquet in meta', () => {
  it('are ISO 8601, text, or objects that say what they are; nothing that is null is left out', async () => {
    const [first, second] = await metaOf(FILES, 'values.parquet');
    expect(first).toEqual({
      ...{ time_ms: '00:00:00.001', time_us: '00:00:00.000001', time_ns: '00:00:00.000' },
      ...{ span_s: 'PT-5S', span_ns: 'PT0.000000001S', spans: ['PT0.000001S', null] },
      ...{ span_in: { d: 'PT1.5S' }, span_of: { k: 'PT0.001S' }, fixed: 'abcd', bytes: 'abc' },
      ...{ map: { k: 1, j: null }, no_map: {}, by_number: { 1: 1, 2: 2 }, by_list: [{ key: [1], value: 1 }] },
      maps: [
        [
          { key: 'k', value: 1 },
          { key: 'k', value: 2 },
        ],
        null,
      ],
      ...{ struct: { a: null, b: { c: null } }, inner: { a: 1, b: null }, list: [null, 1] },
      ...{ lists: [[], null, [null]], structs: [{ a: null }, null], nothing: null },
    });
    expect(second).toEqual({
      ...{ time_ms: null, time_us: '23:59:59.999999', time_ns: '23:59:59.999999999' },
      // 2^60 ns.
      ...{ span_s: null, span_ns: 'PT1152921504.606846976S', spans: null, span_in: { d: null }, span_of: {} },
      ...{ fixed: { invalidUtf8: '/wBhYg==' }, bytes: { invalidUtf8: '/w==' } },
      map: [
        { key: 'k', value: 1 },
        { key: 'k', value: 2 },
      ],
      no_map: null,
      by_number: [
        { key: 1, value: 1 },
        { key: 1, value: 1 },
      ],
      ...{ by_list: {}, maps: null, struct: null, inner: { a: 1, b: { c: 2 } }, list: null, lists: [] },
      ...{ structs: null, nothing: null },
    });
  });

  it('that are intervals have months, days and milliseconds', async () => {
    const folder = await written(`select 'a' as id, 'x' as text, interval '14 months 3 days 4.5 seconds' as span`);
    expect(await metaOf(folder, 'a.parquet')).toEqual([{ span: 'P14M3DT4.5S' }]);
  });

  it('are refused where a group has two columns of one name', async () => {
    const error = await failureOf(runSource(FILES, 'twice.parquet'));
    expect(error.message).toMatch(/twice\.parquet to have names of their own, found "meta\.n" twice; rename it/);
  });

  it('that are JSON with a member twice are named by row, or counted', async () => {
    const folder = await written(
      `select 'd' || i as id, 'x' as text, (case when i = 1 then '{"a": 1, "a": 2}' else '{"n": 1}' end)::json as j from range(3) t(i)`,
    );
    const error = await failureOf(runSource(folder, 'a.parquet'));
    expect(error.message).toContain(
      'a.parquet:2: expected every member of JSON in a column of that type once, found "a" twice',
    );
    const { statistics } = await runSource(folder, 'a.parquet', { onBadDocument: 'skip' });
    expect([statistics.documents, statistics.skipped]).toEqual([2, { repeatedMember: 1 }]);
  });
});
