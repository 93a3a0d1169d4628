// Which store a command means, and what the environment says.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readEnvironment } from '../../../cli/environment.js';
import { findLocalConfig, writeLocalConfig } from '../../../cli/local-config.js';
import { chooseFileStore, chooseStore } from '../../../cli/store-choice.js';
import { runCli } from './harness.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';

const root = temporaryFolder('store-choice');
let inner = '';
beforeAll(async () => {
  inner = join(root, 'project', 'a', 'b');
  await mkdir(inner, { recursive: true });
  await writeLocalConfig(join(root, 'project'), {
    formatVersion: 1,
    store: 's3://bucket/prefix',
    storeOptions: { endpoint: 'http://127.0.0.1:9000', checksums: 'when_supported' },
  });
});

describe('the store that is meant', () => {
  const hints = { option: null, environment: null };

  it('is that of --store, from the current folder', async () => {
    const choice = await chooseStore({
      option: 'file://./data',
      environment: 's3://other/x',
      cwd: inner,
    });
    expect(choice).toEqual({ url: `file://${inner}/data`, options: {}, from: '--store' });
  });

  it('is that of ASSAY_STORE where --store is not given', async () => {
    const choice = await chooseStore({ ...hints, environment: 'data', cwd: inner });
    expect(choice).toMatchObject({ url: `file://${inner}/data`, from: 'ASSAY_STORE' });
  });

  it('is that of the nearest .assay/config.json else, with its connection', async () => {
    const choice = await chooseStore({ ...hints, cwd: inner });
    expect(choice.url).toBe('s3://bucket/prefix');
    expect(choice.options).toMatchObject({ endpoint: 'http://127.0.0.1:9000' });
    expect(choice.from).toBe(join(root, 'project', '.assay', 'config.json'));
  });

  it('takes the connection of the configuration for the same store named otherwise', async () => {
    const choice = await chooseStore({ ...hints, option: 's3://bucket/prefix/', cwd: inner });
    expect(choice.options).toMatchObject({ endpoint: 'http://127.0.0.1:9000' });
    expect((await chooseStore({ ...hints, option: 's3://bucket/other', cwd: inner })).options).toEqual({});
  });

  it('is refused where nothing names one, with what to do', async () => {
    await expect(chooseStore({ ...hints, cwd: root })).rejects.toThrow(
      /Expected a store, found none: no --store, no ASSAY_STORE and no \.assay\/config\.json in .* Give --store/,
    );
  });

  it('is refused where the configuration is damaged', async () => {
    const folder = join(root, 'damaged');
    await mkdir(join(folder, '.assay'), { recursive: true });
    await writeFile(join(folder, '.assay', 'config.json'), '{"formatVersion": 1');
    await expect(findLocalConfig(folder)).rejects.toThrow(/config\.json: expected a configuration .* remove the file/);
    await writeFile(join(folder, '.assay', 'config.json'), '{"formatVersion": 2}');
    await expect(findLocalConfig(folder)).rejects.toThrow(/found formatVersion/);
  });
});

describe('the store of what a file starts', () => {
  const hints = { option: null, environment: null, cwd: '' };
  const file = { store: 'file://./own', storeOptions: { endpoint: 'http://127.0.0.1:1' } };
  const connection = { endpoint: 'http://127.0.0.1:9000', checksums: 'when_supported' };

  it("is the file's own, from the file's folder, with its connection", async () => {
    const choice = await chooseFileStore({ ...hints, cwd: inner }, { file, folder: root, storeNamed: true });
    expect(choice).toEqual({ url: `file://${root}/own`, options: file.storeOptions, from: 'the file' });
  });

  it('is told to be the default where the file names none', async () => {
    const choice = await chooseFileStore({ ...hints, cwd: inner }, { file, folder: root, storeNamed: false });
    expect(choice.from).toBe('the default, beside the file');
  });

  it('is that of ASSAY_STORE, and that of --store before it, from the current folder', async () => {
    const given = { ...hints, cwd: inner, environment: 'there' };
    const choice = await chooseFileStore(given, { file, folder: root, storeNamed: true });
    expect(choice).toMatchObject({ url: `file://${inner}/there`, from: 'ASSAY_STORE' });
    const other = await chooseFileStore({ ...given, option: 'here' }, { file, folder: root, storeNamed: true });
    expect(other).toMatchObject({ url: `file://${inner}/here`, from: '--store' });
  });

  it('is reached by the connection of the configuration where it is that store', async () => {
    const s3 = { file: { store: 's3://bucket/prefix' }, folder: root, storeNamed: true };
    expect((await chooseFileStore({ ...hints, cwd: inner }, s3)).options).toEqual(connection);
    const named = { ...hints, cwd: inner, environment: 's3://bucket/prefix' };
    expect((await chooseFileStore(named, { file, folder: root, storeNamed: true })).options).toEqual(connection);
  });
});

describe('a command that reads', () => {
  it.each([
    ['--store', ['datasets', '--store', 'dat'], {}],
    ['ASSAY_STORE', ['runs'], { ASSAY_STORE: 'dat' }],
  ])('refuses a mistyped store of %s with exit code 2', async (from, argv, environment) => {
    const result = await runCli(argv, { cwd: root, environment });
    expect(result).toMatchObject({ code: 2, out: '' });
    expect(result.err).toContain(`Expected a store at file://${root}/dat (named by ${from}), found no such folder.`);
  });

  it('refuses a file, and takes a folder that is still empty', async () => {
    await writeFile(join(root, 'plain'), '');
    expect((await runCli(['runs', '--store', 'plain'], { cwd: root })).err).toContain('found a file');
    await mkdir(join(root, 'empty'));
    expect(await runCli(['runs', '--store', 'empty'], { cwd: root })).toMatchObject({ code: 0 });
  });

  it('names its store once on stderr, also with an error and with --json', async () => {
    const line = `store file://${root}/empty (--store)\n`;
    const found = await runCli(['datasets', '--json', '--store', 'empty'], { cwd: root });
    expect(found).toMatchObject({ code: 0, err: line });
    const missing = await runCli(['top', 'dict', '3', '--store', 'empty'], { cwd: root });
    expect(missing.code).toBe(2);
    expect(missing.err.split(line)).toHaveLength(2);
  });
});

describe('the environment', () => {
  it('has defaults', () => {
    expect(readEnvironment({ ASSAY_STORE: '', ASSAY_CACHE: '/c' })).toEqual({
      store: null,
      debug: false,
      logLevel: 'info',
      temporalAddress: null,
      temporalNamespace: 'default',
      cacheFolder: '/c',
    });
  });

  it('is refused with every wrong variable named', () => {
    expect(() => readEnvironment({ TEMPORAL_ADDRESS: 'here', ASSAY_LOG_LEVEL: 'loud' })).toThrow(
      /ASSAY_LOG_LEVEL: found "loud"[^]*TEMPORAL_ADDRESS: found "here": expected HOST:PORT/,
    );
  });
});
