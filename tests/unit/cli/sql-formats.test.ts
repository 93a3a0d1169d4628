// The rows of `sql`: streamed in every form however many there are, whole in a pipe, cut to fit on a terminal, with all their digits,
// within a stated limit of memory; and tables of several runs in one query.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import { beforeAll, describe, expect, it } from 'vitest';
import { sqlDocument } from '../../../schemas/documents/features.js';
import { openStore } from '../../../storage/objects/open-store.js';
import { createTableFormat } from '../../../cli/render/sql-table.js';
import { csvFormat } from '../../../reading/sql/formats/csv.js';
import { writeAnswer } from '../../../reading/sql/formats/format.js';
import { displayWidth } from '../../../cli/terminal/width.js';
import { streamSql } from '../../../reading/sql/select.js';
import { createMemoryStore } from '../../../storage/objects/memory-store.js';
import { finishedRun } from './finished-run.js';
import { runCli, type CliResult } from './harness.js';
import { runStages, submitRun, writeRun } from './pipeline.js';

const { folder, cli } = finishedRun();
/** What stderr says where nothing else is to be said. */
const STORE_LINE = `store file://${folder}/data (--store)\n`;

const noTables = (): Promise<{ tables: []; meant: null }> => Promise.resolve({ tables: [], meant: null });
const alone = { store: createMemoryStore(), find: noTables };
const onTerminal = (columns: number, ...argv: string[]): Promise<CliResult> =>
  runCli([...argv, '--store', 'data'], { cwd: folder, isTTY: true, columns });

const VALUES = `select 9007199254740993::bigint as big, 170141183460469231731687303715884105727::hugeint % 10 as huge,
  1.10::decimal(20, 2) as money, 12345678901234567890.123::decimal(38, 3) as much, 'NaN'::double as nan, 0.1::float as single,
  timestamp '2026-01-02 03:04:05.678901' as at, date '2026-01-02' as day, null::int as nothing, '' as empty,
  'a,"b"' || chr(10) || 'c' as text, [1, null, 3] as list, {'x': 1, 'y': 'z'} as pair, true as yes, array_value(1::float, 2) as two`;

describe('rows of sql as a table', () => {
  it('are all there in a pipe, and no cell is cut', async () => {
    const { code, out } = await cli('sql', "select i, repeat('x', 300) || i as t from range(150000) r(i)");
    expect(code).toBe(0);
    const lines = out.split('\n');
    // Heading, 150,000 rows, their count, and what is behind the last line feed.
    expect(lines).toHaveLength(150_003);
    expect(lines[150_000]).toBe(`149999  ${'x'.repeat(300)}149999`);
    expect(lines[150_001]).toBe('(150,000 rows)');
  });

  it.each([60, 80, 120])('fit a terminal of %i columns', async (columns) => {
    const { out } = await onTerminal(columns, 'sql', 'select id, text, tokens, meta from documents');
    const lines = out.trimEnd().split('\n');
    expect(lines).toHaveLength(30);
    for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(columns);
    expect(out).toContain('…');
  });

  it('cannot steer the terminal', async () => {
    const query = "select chr(27) || '[31mred' || chr(155) || chr(8238) as t";
    for (const format of ['table', 'csv', 'json']) {
      const { out } = await onTerminal(80, 'sql', query, '--format', format);
      // eslint-disable-next-line no-control-regex -- must not be there
      expect(out).not.toMatch(/[\u001b\u009b\u202e]/);
      expect(out).toContain('\\u001b[31mred');
    }
  });
});

describe('rows of sql as data', () => {
  it('are CSV with all digits, quoted where it must be', async () => {
    const { out } = await cli('sql', VALUES, '--format', 'csv');
    expect(out).toBe(
      'big,huge,money,much,nan,single,at,day,nothing,empty,text,list,pair,yes,two\n' +
        '9007199254740993,7,1.1,12345678901234567890.123,NaN,0.10000000149011612,' +
        '2026-01-02T03:04:05.678901Z,2026-01-02T00:00:00.000Z,,"","a,""b""\nc","[1,null,3]","{""x"":1,""y"":""z""}",true,"[1,2]"\n',
    );
  });

  it('are the one document in JSON, by --json and --format json alike', async () => {
    const [short, long] = [await cli('sql', VALUES, '--json'), await cli('sql', VALUES, '--format', 'json')];
    expect(short.out).toBe(long.out);
    const { columns, rows } = sqlDocument.parse(short.json());
    expect(columns.slice(0, 3)).toEqual([
      { name: 'big', type: 'BIGINT' },
      { name: 'huge', type: 'HUGEINT' },
      { name: 'money', type: 'DECIMAL(20,2)' },
    ]);
    expect(rows[0]?.slice(0, 5)).toEqual(['9007199254740993', 7, 1.1, '12345678901234567890.123', 'NaN']);
    const none = await cli('sql', 'select 1 as a where false', '--json');
    expect(sqlDocument.parse(none.json()).rows).toEqual([]);
  });

  it('are an Arrow stream with the types of the query', async () => {
    const { out } = await cli('sql', VALUES, '--format', 'arrow');
    const table = tableFromIPC(Buffer.from(out, 'latin1'));
    const types = Object.fromEntries(table.schema.fields.map(({ name, type }) => [name, String(type)]));
    expect(types).toMatchObject({
      ...{ big: 'Int64', money: 'Decimal[20e+2]', single: 'Float32', at: 'Timestamp<MICROSECOND>', text: 'Utf8' },
      ...{ day: 'Date32<DAY>', list: 'List<Int32>', two: 'FixedSizeList[2]<Float32>', yes: 'Bool' },
    });
    const row = table.get(0)?.toJSON();
    expect(row).toMatchObject({ big: 9007199254740993n, nothing: null, empty: '', text: 'a,"b"\nc', yes: true });
    const many = await cli(
      'sql',
      'select i, i % 7 = 0 as seven, i::varchar as t from range(10000) r(i)',
      '--format',
      'arrow',
    );
    const read = tableFromIPC(Buffer.from(many.out, 'latin1'));
    expect(read.numRows).toBe(10_000);
    expect(read.get(9_996)?.toJSON()).toMatchObject({ i: 9996n, seven: true, t: '9996' });
  });

  it.each([
    [['--format', 'arrow'], true, 'found a terminal'],
    [['--format', 'csv', '--json'], false, 'found both'],
    [['--format', 'xml'], false, 'Allowed choices are table, csv, json, arrow'],
  ])('%j are refused where they cannot be', async (flags, isTTY, message) => {
    const result = await runCli(['sql', 'select 1', ...flags, '--store', 'data'], { cwd: folder, isTTY });
    expect(result.code).toBe(2);
    expect(result.err).toContain(message);
  });
});

describe('times of day, durations, bytes, bits and unions', () => {
  const QUERY = `select time '01:02:03.000004' as clock, '01:02:03+05:30'::timetz as zoned, interval '1 month 2 days 3.5 seconds' as span,
    'ab'::blob as plain, '\\xFF\\x00'::blob as bytes, '0101'::bit as bits, 'b'::enum('a', 'b') as word,
    '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid as id, union_value(num := 2) as one`;
  const TEXTS = ['01:02:03.000004', '01:02:03.000+05:30', 'P1M2DT3.5S', 'ab', '{"invalidUtf8":"/wA="}', '0101', 'b'];
  const REST = ['6ba7b810-9dad-11d1-80b4-00c04fd430c8', '{"tag":"num","value":2}'];

  it('have one form in JSON, CSV and tables', async () => {
    const { rows } = sqlDocument.parse((await cli('sql', QUERY, '--format', 'json')).json());
    const written = rows[0]?.map((value) => (typeof value === 'string' ? value : JSON.stringify(value)));
    expect(written).toEqual([...TEXTS, ...REST]);
    expect(rows[0]?.[4]).toEqual({ invalidUtf8: '/wA=' });
    const quoted = [...TEXTS, ...REST].map((text) => (text.includes('"') ? `"${text.replaceAll('"', '""')}"` : text));
    expect((await cli('sql', QUERY, '--format', 'csv')).out.split('\n')[1]).toBe(quoted.join(','));
    expect((await cli('sql', QUERY)).out.split('\n')[1]?.split(/ +/)).toEqual([...TEXTS, ...REST]);
  });

  it('are typed in Arrow where it has a type, else the same text', async () => {
    const { out } = await cli('sql', QUERY, '--format', 'arrow');
    const table = tableFromIPC(Buffer.from(out, 'latin1'));
    const types = Object.fromEntries(table.schema.fields.map(({ name, type }) => [name, String(type)]));
    expect(types).toMatchObject({ clock: 'Time64<MICROSECOND>', span: 'Interval<MONTH_DAY_NANO>', bytes: 'Binary' });
    expect(table.getChild('clock')?.get(0)).toBe(3_723_000_004n);
    expect(table.getChild('bytes')?.get(0)).toEqual(new Uint8Array([0xff, 0]));
    const texts = ['zoned', 'bits', 'word', 'id', 'one'].map((name) => table.getChild(name)?.get(0) as unknown);
    expect(texts).toEqual([TEXTS[1], TEXTS[5], TEXTS[6], ...REST]);
  });

  it('that Arrow cannot hold are refused, not wrapped round', async () => {
    const { code, err } = await cli('sql', "select interval '9000000000000 seconds' as span", '--format', 'arrow');
    expect([code, err]).toEqual([2, expect.stringMatching(/found 9000000000000000000 microseconds; cast the column/)]);
  });
});

describe('infinite days and moments', () => {
  const TYPES = ['date', 'timestamp', 'timestamp_s', 'timestamp_ms', 'timestamp_ns'];
  const ENDS = `select ${TYPES.map((type) => `'infinity'::${type} as up_${type}, '-infinity'::${type} as down_${type}`).join(', ')}`;

  it('are the words of DuckDB in JSON, CSV and tables', async () => {
    const words = TYPES.flatMap(() => ['infinity', '-infinity']);
    const { rows } = sqlDocument.parse((await cli('sql', ENDS, '--format', 'json')).json());
    expect(rows).toEqual([words]);
    expect((await cli('sql', ENDS, '--format', 'csv')).out.split('\n')[1]).toBe(words.join(','));
    expect((await cli('sql', ENDS)).out.split('\n')[1]?.split(/ +/)).toEqual(words);
  });

  it('are the integers of DuckDB in Arrow', async () => {
    const { out } = await cli('sql', ENDS, '--format', 'arrow');
    const table = tableFromIPC(Buffer.from(out, 'latin1'));
    const count = (name: string): unknown =>
      (table.getChild(name)?.data[0] as { readonly values: ArrayLike<unknown> } | undefined)?.values[0];
    expect([count('up_date'), count('down_date')]).toEqual([2 ** 31 - 1, -(2 ** 31 - 1)]);
    for (const type of TYPES.slice(1))
      expect([count(`up_${type}`), count(`down_${type}`)], type).toEqual([2n ** 63n - 1n, -(2n ** 63n - 1n)]);
  });
});

describe('a query without bound', () => {
  it('ends where nobody reads any more', async () => {
    for (const format of [csvFormat, createTableFormat(Infinity)]) {
      let pieces = 0;
      await streamSql('select i from range(1000000000000) r(i)', alone, (answer) =>
        writeAnswer({ ...answer, coverage: [], notes: [], leftOut: [] }, format, () => Promise.resolve(++pieces < 3)),
      );
      expect(pieces).toBe(3);
    }
  });

  it('ends with a reason where it needs more memory than it may take, and leaves nothing behind', async () => {
    const sorted = streamSql(
      'select i, hash(i) h from range(40000000) r(i) order by h',
      { ...alone, maxBytes: 1_000_000 },
      () => Promise.resolve(),
    );
    await expect(sorted).rejects.toThrow(/needs more memory than it may take: .* raise --max-bytes/);
    expect(existsSync('.tmp')).toBe(false);
  });
});

describe('a store of two runs', () => {
  beforeAll(async () => {
    const store = await openStore('file://./data', { base: folder });
    const file = await writeRun(folder, (yaml) =>
      yaml.replace('name: small', 'name: other-run').replace('k: 4', 'k: 2'),
    );
    await runStages(store, await submitRun(store, file), { folder });
    await store.close();
  });

  const rows = async (query: string, ...flags: string[]): Promise<readonly (readonly unknown[])[]> => {
    const result = await cli('sql', query, ...flags, '--json');
    expect(result.err).toBe(STORE_LINE);
    return sqlDocument.parse(result.json()).rows;
  };

  it('joins tables of both by RUN.DICT.TABLE and RUN.TABLE, letters of any case', async () => {
    const [own] = await rows('select sum(n) from dict.features', '--run', 'small');
    const [others] = await rows('select sum(n) from features', '--run', 'other-run');
    // k is 4 in the one and 2 in the other.
    expect(Number(own?.[0])).toBe(2 * Number(others?.[0]));
    const both =
      'select sum(a.n), sum(b.n) from small.dict.features a join "other-run".dict.features b using (feature)';
    expect(await rows(both)).toEqual([[own?.[0], others?.[0]]]);
    expect(await rows('select count(*) from SMALL.Documents d join "other-run".documents using (ID)')).toEqual([[28]]);
    expect(
      await rows('select count(*) from documents join "other-run".dict.acts using (doc)', '--run', 'small'),
    ).toEqual(await rows('select count(*) from small.dict.acts'));
    expect(
      await rows('select (select count(*) from small.features), (select sum(N) from Features)', '--run', 'small'),
    ).toEqual([[64, own?.[0]]]);
  });

  it('asks which run is meant, and knows the nearest', async () => {
    const unclear = await cli('sql', 'select count(*) from features');
    expect(unclear.code).toBe(2);
    expect(unclear.err).toContain('found other-run, small; say which run is meant, or name it before the table');
    expect((await cli('sql', 'select count(*) from smal.dict.features')).err).toContain('did you mean small');
    expect(await rows('select 1')).toEqual([[1]]);
  });
});

describe('export', () => {
  it('sorts activations by document and position, and says their width to readers of Arrow', async () => {
    const dataset = 'small/activations/blocks.2.hook_resid_post';
    const result = await cli('export', dataset, '--to', 'parquet', '--out', 'sorted', '--sort', 'doc,pos');
    expect(result.err).toBe(STORE_LINE);
    const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } = await import('hyparquet');
    const { compressors } = await import('hyparquet-compressors');
    const file = await asyncBufferFromFile(join(folder, 'sorted', 'activations.parquet'));
    const order = (await parquetReadObjects({ file, compressors, columns: ['doc', 'pos'] })) as {
      doc: number;
      pos: number;
    }[];
    expect(order).toEqual([...order].sort((a, b) => a.doc - b.doc || a.pos - b.pos));
    const metadata = await parquetMetadataAsync(file);
    const schema = metadata.key_value_metadata?.find(({ key }) => key === 'ARROW:schema')?.value ?? '';
    const fields = tableFromIPC(Buffer.from(schema, 'base64')).schema.fields;
    expect(fields.map(({ type }) => String(type))).toEqual(['Uint32', 'Uint32', 'FixedSizeList[128]<Float32>']);
  });

  it('refuses a column that is none and a folder that cannot be', async () => {
    const wrong = await cli('export', 'small/documents', '--to', 'parquet', '--sort', 'dok');
    expect(wrong).toMatchObject({ code: 2, out: '' });
    expect(wrong.err).toContain('found "dok"; there are doc, id, split, text, tokens, meta');
    const taken = await cli('export', 'small/documents', '--to', 'parquet', '--out', 'run.yaml');
    expect(taken).toMatchObject({ code: 2, out: '' });
  });
});
