// Which store a command means, and what the environment says.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readEnvironment } from '../../../cli/environment.js';
import { findLocalConfig, writeLocalConfig } from '../../../cli/local-config.js';
import { chooseStore } from '../../../cli/store-choice.js';
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
