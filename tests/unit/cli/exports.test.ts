// sql, export and gc over a finished run that the real stages wrote.
import type { Dirent } from 'node:fs';
import { readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { describe, expect, it } from 'vitest';
import { exportDocument, gcDocument } from '../../../schemas/documents/datasets.js';
import { sqlDocument } from '../../../schemas/documents/features.js';
import { bytesText } from '../../../cli/render/quantities.js';
import { finishedRun } from './finished-run.js';
import { runCli } from './harness.js';

const { folder, cli, document } = finishedRun();

describe('sql and export', () => {
  it('agree with each other and with acts', async () => {
    const counted = 'select f.feature, count(*) from (select unnest(features) as f from acts) group by 1 order by 1';
    const expected = (await document(sqlDocument, 'sql', counted)).rows;
    expect(expected.length).toBeGreaterThan(10);
    const bySql = await document(
      sqlDocument,
      'sql',
      'select feature, count(*) from postings group by 1 order by 1',
      '--run',
      'small',
    );
    expect(bySql.rows).toEqual(expected);
    expect(bySql.coverage).toEqual([]);
    const { files } = await document(
      exportDocument,
      'export',
      'small/dict/postings',
      '--to',
      'parquet',
      '--out',
      'out',
    );
    expect(await readdir(join(folder, 'out'))).toEqual(['postings.parquet']);
    const file = await asyncBufferFromFile(files[0]?.path ?? '');
    const exported = (await parquetReadObjects({ file, compressors })) as {
      feature: number;
      value: number;
    }[];
    const stored = (await document(sqlDocument, 'sql', 'select feature, value from postings')).rows;
    expect(exported.map((row) => [row.feature, row.value])).toEqual(stored);
  });

  it('an export that is interrupted says so, ends with 130 and leaves nothing', async () => {
    const argv = ['export', 'small/dict/postings', '--to', 'parquet', '--out', 'stopped', '--store', 'data'];
    const result = await runCli(argv, { cwd: folder, signal: AbortSignal.abort() });
    expect(result).toMatchObject({ code: 130, out: '' });
    expect(result.err).toContain(`The export was stopped; what it had begun in ${folder}/stopped is removed.`);
    expect(await readdir(join(folder, 'stopped'))).toEqual([]);
  });

  it('print rows as a table', async () => {
    const { out } = await cli('sql', 'select count(*) as n from documents');
    expect(out).toBe(' n\n28\n(1 row)\n');
  });

  it.each([
    [['sql', 'select nothing from documents'], 'The query is wrong'],
    [['sql', 'drop table documents'], 'Expected one SELECT'],
    [['sql', 'select * from postings', '--max-bytes', '10'], 'assay export DATASET --to parquet'],
    [['sql', 'select 1', '--run', 'smal'], 'did you mean small'],
    [['export', 'small/dict/weights', '--to', 'parquet'], 'Expected a dataset of tables'],
    [
      ['export', 'small/tokens', '--to', 'csv'],
      'Allowed choices are parquet; `assay sql "from TABLE" --format csv > FILE`',
    ],
    [
      ['export', 'small/tokens', '--to', 'x.csv'],
      '--format csv > FILE` writes rows as text, and --out names the folder.',
    ],
  ])('%j is refused', async (argv, message) => {
    const result = await cli(...argv);
    expect(result).toMatchObject({ code: 2, out: '' });
    expect(result.err).toContain(message);
  });
});

describe('gc', () => {
  it('finds nothing that a run needs to be garbage', async () => {
    const garbage = await document(gcDocument, 'gc');
    expect(garbage).toMatchObject({ applied: false, keys: [], removed: 0 });
    // Checkpoints that a later one has replaced.
    expect(garbage.spared).toBeLessThan(5);
    expect((await cli('gc', '--apply')).out).toContain('Nothing to collect');
  });

  it('spares what is young, and removes what no run needs once it is old', async () => {
    expect((await cli('rm', 'small')).out).toContain('assay gc --apply (what is younger than 24 hours');
    const young = await document(gcDocument, 'gc');
    expect(young.keys).toEqual([]);
    expect(young.spared).toBeGreaterThan(10);
    const size = bytesText(young.sparedBytes);
    expect((await cli('gc')).out).toBe(
      `Nothing to collect yet: ${size} in ${young.spared} objects are not needed but younger than 24 hours: a later gc takes them.\n`,
    );
    const data = join(folder, 'data');
    // What a store keeps for good: how many collections there were, and the room that it keeps for events.
    const isObject = (entry: Dirent): boolean =>
      entry.isFile() && entry.name !== 'reserve' && !entry.parentPath.includes('collections');
    const files = (await readdir(data, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    const collectable = files.filter(isObject);
    const old = Date.now() / 1000 - 25 * 3600;
    for (const file of files) await utimes(join(file.parentPath, file.name), old, old);
    const garbage = await document(gcDocument, 'gc');
    expect(garbage.keys.length).toBe(collectable.length);
    expect(garbage).toMatchObject({ spared: 0, sparedBytes: 0 });
    expect(young.spared).toBe(garbage.keys.length);
    const told = (await cli('gc')).out;
    expect(told).toContain('Delete them with: assay gc --apply');
    const [, all, ...kinds] = /(\d+) objects \((\d+) commits, (\d+) of data, (\d+) other records\)/.exec(told) ?? [];
    expect(kinds.reduce((sum, n) => sum + Number(n), 0)).toBe(Number(all));
    expect(Number(all)).toBe(collectable.length);
    const applied = await document(gcDocument, 'gc', '--apply');
    expect(applied).toMatchObject({ applied: true, removed: collectable.length, adopted: 0, spared: 0 });
    const left = await readdir(data, { recursive: true, withFileTypes: true });
    expect(left.filter(isObject)).toEqual([]);
  });
});
