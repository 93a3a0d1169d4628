// The Parquet export answers as `sql` does, holds every column, tells how far it is, and leaves nothing behind where it is stopped.
import { mkdir, mkdtemp, readdir, symlink, writeFile } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../../../schemas/errors.js';
import type { ObjectRecord } from '../../../schemas/records.js';
import { exportParquet, type ExportProgress } from '../../../reading/export/parquet.js';
import { makeOwnFolder } from '../../../storage/files/own-folder.js';
import { TABLE_NAMES, type TableName } from '../../../storage/tables/layouts.js';
import { TableWriter } from '../../../storage/tables/table-writer.js';
import { samples, type Sample } from '../../golden/tables/sample.js';
import { allFirings, store } from '../stages/index/dataset.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { sampleShape } from '../stages/index/shapes.js';
import { buildDictionary, type Built } from './built-dictionary.js';
import { runSql } from './run-sql.js';

const SHAPE = sampleShape({ seed: 21, shards: 3, documents: 5, mostTokens: 25, features: 8 });

let built: Built;
const folder = temporaryFolder('export');
beforeAll(async () => {
  built = await buildDictionary(folder, SHAPE);
});

describe('parquet export', () => {
  async function parquetRows(path: string, sql: string): Promise<unknown[][]> {
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    try {
      return (await connection.runAndReadAll(sql.replace('FILE', `'${path}'`))).getRowsJson();
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  }

  it('has the same answers as sql', async () => {
    const path = join(folder, 'postings.parquet');
    const { rows, columns } = await exportParquet({
      store: built.dataset.store,
      objects: built.objects.indexed,
      table: 'postings',
      path,
    });
    expect({ rows, columns }).toEqual({
      rows: allFirings(built.dataset).length,
      columns: ['feature', 'doc', 'pos', 'value'],
    });
    const exported = await parquetRows(path, 'select feature, doc, pos, value from FILE');
    const objects = built.objects.indexed.filter(({ table }) => table === 'postings');
    const { rows: asked } = await runSql('select feature, doc, pos, value from postings', {
      store: built.dataset.store,
      tables: [{ schema: 'd', table: 'postings', objects }],
    });
    expect(exported).toEqual(asked);
    expect((await readdir(folder)).filter((name) => name.includes('duckdb'))).toEqual([]);
  });

  it('holds every table with all its columns', async () => {
    const exported = new Set<TableName>();
    for (const sample of samples() as unknown as Sample<TableName>[]) {
      const writer = await TableWriter.open({
        ...sample.options,
        table: sample.table,
        path: join(folder, `${sample.file}.arrow`),
        shard: 's',
        metadata: null,
      });
      await writer.write(sample.columns);
      const files = await writer.finish();
      const objects = await store(built.dataset.store, 's', files);
      const path = join(folder, `${sample.file}.parquet`);
      await exportParquet({ store: built.dataset.store, objects, table: sample.table, path });
      expect(await parquetRows(path, 'select count(*) from FILE')).toEqual([[String(files[0]?.rows)]]);
      exported.add(sample.table);
    }
    expect(exported).toEqual(new Set(TABLE_NAMES));
  });

  const exportTo = (path: string): Promise<unknown> =>
    exportParquet({ store: built.dataset.store, objects: built.objects.indexed, table: 'postings', path });

  /** So many rows that sorting them takes a while. */
  const many = (): readonly ObjectRecord[] => {
    const one = built.objects.indexed.filter(({ table }) => table === 'postings');
    const rows = one.reduce((sum, object) => sum + object.rows, 0);
    return Array.from({ length: Math.ceil(600_000 / rows) }, () => one).flat();
  };

  it('tells how many rows it has read and sorted, and ends at once when it is stopped, leaving nothing', async () => {
    const target = join(await mkdtemp(join(folder, 'stopped-')), 'p.parquet');
    const stop = new AbortController();
    const told: ExportProgress[] = [];
    const during: string[] = [];
    let stoppedMs = 0;
    const onProgress = (progress: ExportProgress): void => {
      told.push(progress);
      if (progress.doing === 'reading' || stop.signal.aborted) return;
      during.push(...readdirSync(dirname(target)));
      stoppedMs = Date.now();
      stop.abort();
    };
    const request = { store: built.dataset.store, objects: many(), table: 'postings', path: target } as const;
    const sort = ['value', 'doc', 'pos'];
    await expect(exportParquet({ ...request, sort, signal: stop.signal, onProgress })).rejects.toThrow(
      /INTERRUPT|abort/i,
    );
    expect(Date.now() - stoppedMs).toBeLessThan(2000);
    expect(during.filter((name) => name.startsWith('.assay-export-'))).toHaveLength(1);
    expect(await readdir(dirname(target))).toEqual([]);
    expect(told[0]).toMatchObject({ table: 'postings', doing: 'reading', bytes: 0 });
    expect(told.find(({ doing }) => doing === 'reading')?.rows).toBeGreaterThan(0);
    expect(told.at(-1)?.doing).toBe('sorting');
  });

  it('stops while it reads, which is no fault of the folder', async () => {
    const target = join(await mkdtemp(join(folder, 'stopped-')), 'p.parquet');
    const stop = new AbortController();
    const told: ExportProgress[] = [];
    const onProgress = (progress: ExportProgress): void => {
      told.push(progress);
      stop.abort();
    };
    const request = { store: built.dataset.store, objects: many(), table: 'postings', path: target } as const;
    await expect(exportParquet({ ...request, signal: stop.signal, onProgress })).rejects.toThrow(/abort/i);
    expect(await readdir(dirname(target))).toEqual([]);
    const last = told.at(-1);
    expect(last?.doing).toBe('reading');
    expect(last?.rows).toBeLessThan(last?.allRows ?? 0);
  });

  it('sweeps what an export that was killed left in its folder', async () => {
    const target = join(await mkdtemp(join(folder, 'killed-')), 'p.parquet');
    // A living process's number, of one that began at another time: that one has ended.
    const [, , ...rest] = basename(await makeOwnFolder(folder, 'mark-')).split('.');
    const left = join(dirname(target), `.assay-export-${[String(process.pid), '1', ...rest].join('.')}`);
    await mkdir(left);
    await writeFile(join(left, 'rows.duckdb'), 'x');
    await exportTo(target);
    expect(await readdir(dirname(target))).toEqual(['p.parquet']);
  });

  it('says that the disk is full, and leaves nothing of what it had begun', async () => {
    const target = join(await mkdtemp(join(folder, 'full-')), 'p.parquet');
    await symlink('/dev/full', `${target}.part`);
    await expect(exportTo(target)).rejects.toThrow(/^Expected room for .*p\.parquet and/);
    expect(await readdir(dirname(target))).toEqual([]);
  });

  it('says that a place cannot be written, as a mistake of the command', async () => {
    const file = join(folder, 'a-file');
    await writeFile(file, '');
    const error = await exportTo(join(file, 'p.parquet')).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toMatch(
      /^Expected a folder that can be written for .*; give another one with --out\.$/,
    );
  });

  it('says when there is nothing to export', async () => {
    await expect(
      exportParquet({
        store: built.dataset.store,
        objects: [],
        table: 'top',
        path: join(folder, 'x'),
      }),
    ).rejects.toThrow('Expected objects of table "top" to export, got none; `assay datasets` lists what there is.');
  });
});
