// Every kind of column has its type and its values in DuckDB: a table of all of them is appended in two pieces and asked for as
// SQL sees it. Expected values are those of toyColumns, by hand.
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRowsAppender } from '../../../reading/sql/duckdb-columns.js';
import type { Layout } from '../../../storage/tables/layouts.js';
import { packColumns } from '../../../storage/tables/pack.js';
import { TOY, TOY_OPTIONS, toyColumns } from '../../golden/tables/toy.js';

const layout: Layout = TOY;
let instance: DuckDBInstance;
let connection: DuckDBConnection;
beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:');
  connection = await instance.connect();
  const table = { schema: 'main', layout, specs: layout.columns, options: TOY_OPTIONS };
  const appender = await createRowsAppender(connection, table);
  appender.append(packColumns(layout, toyColumns(0, 20)), 20);
  appender.append(packColumns(layout, toyColumns(20, 41)), 21);
  appender.close();
});
afterAll(() => {
  connection.closeSync();
  instance.closeSync();
});

async function ask(what: string, row: number): Promise<unknown> {
  const reader = await connection.runAndReadAll(`select to_json(${what}) from toy where u32 = ${row}`);
  return JSON.parse(String(reader.value(0, 0)));
}

describe('columns in DuckDB', () => {
  it.each([
    ['u64', 3, 2 ** 52 + 3],
    ['i32', 3, -17],
    ['i64', 3, -17 * (2 ** 40 + 3)],
    ['f16', 3, 0.375],
    ['f32', 3, 0.75],
    ['bool', 3, true],
    ['utf8', 3, '日本'],
    ['maybe_f32', 6, null],
    ['maybe_f32', 7, 7],
    ['struct', 2, { label: '日本', at_layer: -2 }],
    ['list', 2, [-20, -21]],
    ['texts', 2, ['', 'plain']],
    [
      'structs',
      2,
      [20, 21].map((v) => ({ token: v, label: ['naïve', '日本'][v - 20], probability: v / 2, kept: v === 21 })),
    ],
    ['second', 2, [20, 21]],
    ['lists', 26, [[26], [27, 28]]],
    ['vector', 3, [3, 3.5, -3]],
    [
      'pairs',
      7,
      [
        { a: 7, b: 1 },
        { a: 8, b: 7 / 9 },
      ],
    ],
    ['slots', 3, []],
    ['slots', 4, [{ doc: 4, value: 4 }]],
  ])('%s of row %i', async (column, row, expected) => {
    expect(await ask(column, row)).toEqual(expected);
  });

  it('counts the rows of both pieces', async () => {
    expect((await connection.runAndReadAll('select count(*)::int, min(i32) from toy')).getRows()).toEqual([[41, -20]]);
  });
});
