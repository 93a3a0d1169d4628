// `sql` answers as scans do, loads only what a query names, writes nothing, and refuses what is too large.
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { exactJson } from '../../../core/text/exact-json.js';
import { InputError } from '../../../schemas/errors.js';
import type { ObjectRecord } from '../../../schemas/records.js';
import type { TableSource } from '../../../reading/sql/load-table.js';
import type { TableName } from '../../../storage/tables/layouts.js';
import { allFirings } from '../stages/index/dataset.js';
import { failureOf } from '../../harness/failure-of.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { sampleShape } from '../stages/index/shapes.js';
import { buildDictionary, type Built } from './built-dictionary.js';
import { runSql, type SqlAnswer } from './run-sql.js';

const SHAPE = sampleShape({ seed: 21, shards: 3, documents: 5, mostTokens: 25, features: 8 });

let built: Built;
const folder = temporaryFolder('sql');
beforeAll(async () => {
  built = await buildDictionary(folder, SHAPE);
});

function sources(dictionaries: readonly string[] = ['d']): TableSource[] {
  const of = (objects: readonly ObjectRecord[], table: TableName, schema: string): TableSource => ({
    schema,
    table,
    objects: objects.filter((o) => o.table === table),
  });
  const own = (schema: string): TableSource[] =>
    (['postings', 'features', 'top'] as const).map((table) => of(built.objects.indexed, table, schema));
  return [
    of(built.objects.tokens, 'documents', 'main'),
    of(built.objects.tokens, 'tokens', 'main'),
    ...dictionaries.flatMap(own),
  ];
}

const ask = (sql: string, tables = sources()): Promise<SqlAnswer> =>
  runSql(sql, { store: built.dataset.store, tables });

describe('sql', () => {
  it('answers as a scan over acts does', async () => {
    const firings = allFirings(built.dataset);
    const perFeature = new Map<number, { n: number; max: number }>();
    for (const { feature, value } of firings) {
      const known = perFeature.get(feature) ?? { n: 0, max: 0 };
      perFeature.set(feature, { n: known.n + 1, max: Math.max(known.max, value) });
    }
    const { rows, columns } = await ask(
      'select feature, count(*) as n, max(value) as most from postings group by feature order by feature',
    );
    expect(columns.map((c) => c.name)).toEqual(['feature', 'n', 'most']);
    expect(rows).toEqual([...perFeature].map(([feature, { n, max }]) => [feature, n, max]));
  });

  it('joins postings with tokens and documents by their places in the text', async () => {
    const { rows } = await ask(`
      select p.feature, t.ids[p.pos + 1] as token, d.id
      from postings p join tokens t using (doc) join documents d using (doc)
      order by p.feature, p.doc, p.pos limit 50`);
    expect(rows).toEqual(
      allFirings(built.dataset)
        .slice(0, 50)
        .map((f) => [f.feature, f.token, `id-${f.doc}`]),
    );
  });

  it.each<readonly [string, string]>([
    ['9007199254740993::bigint', '"9007199254740993"'],
    ['9007199254740991::bigint', '9007199254740991'],
    ["'12345678901234567890.12'::decimal(30, 2)", '"12345678901234567890.12"'],
    ["'0.30'::decimal(10, 2)", '0.3'],
    ["'nan'::double", '"NaN"'],
    ["'-inf'::double", '"-Infinity"'],
    ["timestamp '2024-01-02 03:04:05.678901'", '"2024-01-02T03:04:05.678901Z"'],
    ["'2024-01-02 03:04:05.678901234'::timestamp_ns", '"2024-01-02T03:04:05.678901234Z"'],
    ["timestamp '2024-01-02 03:04:05'", '"2024-01-02T03:04:05.000Z"'],
    ["'infinity'::timestamp", '"infinity"'],
    ...['date', 'timestamp', 'timestamptz', 'timestamp_s', 'timestamp_ms', 'timestamp_ns'].flatMap((type) => [
      [`'infinity'::${type}`, '"infinity"'] as const,
      [`['-infinity'::${type}]`, '["-infinity"]'] as const,
    ]),
    ["date '2024-01-02'", '"2024-01-02T00:00:00.000Z"'],
    ["time '00:00:01'", '"00:00:01.000"'],
    ["time '24:00:00'", '"24:00:00.000"'],
    ["time '12:34:56.000001'", '"12:34:56.000001"'],
    ["'12:34:56.000000001'::time_ns", '"12:34:56.000000001"'],
    ["'12:34:56.5+15:59:59'::timetz", '"12:34:56.500+15:59:59"'],
    ["'00:00:00-05:30'::timetz", '"00:00:00.000-05:30"'],
    ["interval '1 day'", '"P1D"'],
    ["interval '0 day'", '"PT0S"'],
    ["interval '14 months -3 days'", '"P14M-3D"'],
    ["'-2 months'::interval + interval '1 day' + '-0.000001 seconds'::interval", '"P-2M1DT-0.000001S"'],
    ["interval '36 hours' + interval '1.5 seconds'", '"PT129601.5S"'],
    [
      "{'a': [170141183460469231731687303715884105727::hugeint], 'b': null}",
      '{"a":["170141183460469231731687303715884105727"],"b":null}',
    ],
    ["map {'k': 1.5::decimal(3, 1)}", '[{"key":"k","value":1.5}]'],
    ["'ab'::blob", '"ab"'],
    ["'\\xAA\\x00'::blob", '{"invalidUtf8":"qgA="}'],
    ["'0101'::bit", '"0101"'],
    ["'101010101'::bit", '"101010101"'],
    ["'b'::enum('a', 'b')", '"b"'],
    ['union_value(num := 2)::union(num int, txt varchar)', '{"tag":"num","value":2}'],
    ["[union_value(at := time '00:00:01')]", '[{"tag":"at","value":"00:00:01.000"}]'],
    ["map {'a': time '00:00:01'}", '[{"key":"a","value":"00:00:01.000"}]'],
    ["'6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid", '"6ba7b810-9dad-11d1-80b4-00c04fd430c8"'],
    ['1.2345678901234567e19::double', '1.2345678901234567e+19'],
  ])('gives %s as %s, without loss', async (value, expected) => {
    const { rows } = await ask(`select ${value} as v`);
    expect(exactJson(rows[0]?.[0])).toBe(expected);
  });

  it.each(['row(1, 2)', "[{'a': row(1, 2)}]", "{'a': 1, '__proto__': 2}"])(
    'refuses %s, whose members would not all be there',
    async (value) => {
      const error = await failureOf(ask(`select 1 as one, ${value} as v`));
      expect(error).toBeInstanceOf(InputError);
      expect(error.message).toMatch(/^Expected structs whose members have names of their own, found .* in column "v"/);
    },
  );

  it('takes names of tables and columns in any case, as DuckDB does', async () => {
    const wanted = await ask('select feature, n from features order by feature');
    expect((await ask('select Feature, N from FEATURES order by feature')).rows).toEqual(wanted.rows);
    expect((await ask('select "FEATURE", f.N from "D".Features f order by 1')).rows).toEqual(wanted.rows);
  });

  it('keeps nested columns, nulls and 64-bit counts', async () => {
    const { rows } = await ask(
      'select feature, n, max is null, silent, len(top_tokens), list_sum([t.n for t in top_tokens]) from features order by feature',
    );
    const last = SHAPE.features - 1;
    expect(rows[last]).toEqual([last, 0, true, true, 0, null]);
    const firings = allFirings(built.dataset).filter((f) => f.feature === 0);
    const counts = Array.from({ length: 12 }, (_, t) => firings.filter((f) => f.token === t).length);
    const mostFrequent = counts.sort((a, b) => b - a).slice(0, 10);
    const total = mostFrequent.reduce((a, b) => a + b, 0);
    expect(rows[0]).toEqual([0, firings.length, false, false, 10, total]);
    const top = await ask('select feature, examples[1].value, len(examples) from top where feature = 0');
    const max = Math.max(
      ...allFirings(built.dataset)
        .filter((f) => f.feature === 0)
        .map((f) => f.value),
    );
    expect(top.rows).toEqual([[0, max, 4]]);
  });

  it('loads only the tables and columns that the query names', async () => {
    const { loaded } = await ask(
      'with strong as (select doc from postings where value > 1) select count(*) from strong join documents using (doc)',
    );
    expect(loaded.map(({ table, columns }) => [table, columns])).toEqual([
      ['postings', ['doc', 'value']],
      ['documents', ['doc']],
    ]);
    expect((await ask('select count(*) from tokens')).loaded).toMatchObject([
      { table: 'tokens', columns: ['doc'], rows: 15 },
    ]);
    expect((await ask('select p from postings p limit 1')).loaded[0]?.columns).toEqual([
      'feature',
      'doc',
      'pos',
      'value',
    ]);
    expect((await ask('from features')).loaded[0]?.columns).toHaveLength(10);
    expect((await ask('select 1')).loaded).toEqual([]);
  });

  it('asks which dictionary is meant where several have the table', async () => {
    const two = sources(['a-1', 'b']);
    await expect(ask('select count(*) from postings', two)).rejects.toThrow(
      'Expected to know which dictionary\'s "postings" is meant, got 2 candidates: "a-1"."postings", "b"."postings". Qualify the name, as in: from "a-1"."postings"',
    );
    const { rows } = await ask('select (select count(*) from "a-1".postings) = (select count(*) from b.postings)', two);
    expect(rows).toEqual([[true]]);
  });

  it('refuses what is too large before it reads, and names the remedy', async () => {
    const tables = sources();
    const large = runSql('select * from postings', {
      store: built.dataset.store,
      tables,
      maxBytes: 100,
    });
    await expect(large).rejects.toThrow(
      /Expected the query's tables to take at most 0.0 GB.*"d"."postings".*assay export DATASET --to parquet/s,
    );
  });

  it('reads only: no other statement, no file, no setting', async () => {
    for (const sql of [
      'drop table postings',
      'insert into postings values (1, 1, 1, 1)',
      "copy postings to 'x.csv'",
      'select 1; select 2',
      'selec 1',
      'set threads = 1',
    ]) {
      await expect(ask(sql)).rejects.toThrow(/Expected one SELECT/);
    }
    const secret = join(folder, 'secret.csv');
    await expect(ask(`select * from read_csv('${secret}')`)).rejects.toThrow(/file system operations are disabled/);
  });

  it('names the tables that there are when the query is wrong', async () => {
    await expect(ask('select * from posting')).rejects.toThrow(
      /Table with name posting does not exist[\s\S]*Tables: "documents" \(doc, id,/,
    );
    await expect(ask('select nothing from postings')).rejects.toThrow(/nothing/);
  });

  it.each([
    ['from featurs', 'featurs does not exist! Did you mean "d"."features"?'],
    ['from dd.features', 'schema "dd" does not exist. Did you mean "d"."features"?'],
    ['from pg_attr', 'There are documents, tokens, acts, postings, features, top, bands, promoted, neighbours, labels, training, evaluation.'],
    ['from trainings', 'Did you mean training? The runs that the query names have no such table yet'],
    ['from ACTS', 'The runs that the query names have no such table yet; `assay datasets` lists what there is.'],
    ['select featur from features', 'not found in FROM clause! Did you mean "feature"?'],
    ['select f.densty from features f', 'named "densty" Did you mean "density"?'],
    ['select n from features order by maxx', 'not found in FROM clause! Did you mean "max"?'],
    ['select g.n from features f', 'The query has "f".'],
  ])('names our own tables and columns where %s is wrong, none of the database', async (sql, advice) => {
    const error = (await ask(sql).catch((thrown: unknown) => thrown)) as Error;
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toContain(advice);
    expect(error.message).not.toMatch(/Candidate|pg_attrdef|pg_tablespace/);
  });

  it('says so too where no table is there', async () => {
    await expect(ask('from featurs', [])).rejects.toThrow(
      /Did you mean features\? The runs that the query names have no/,
    );
  });
});
