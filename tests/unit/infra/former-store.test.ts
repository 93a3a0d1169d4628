// A demo beside the user's own work leaves the folder's default store as it was.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolderOfTest } from '../../harness/temporary-folder.js';

interface FormerStore {
  formerStore: (file: string) => Promise<{ store: string } | null>;
  putStoreBack: (file: string, former: { store: string } | null) => Promise<boolean>;
}
const { formerStore, putStoreBack } = (await import(
  new URL('../../../infra/former-store.mjs', import.meta.url).href
)) as FormerStore;

it('puts the former store back with its connection, and leaves the rest as it is', async () => {
  const file = path.join(temporaryFolderOfTest('former-store'), 'config.json');
  const mine = { store: 's3://mine/x', storeOptions: { endpoint: 'http://127.0.0.1:9000' } };
  await writeFile(file, JSON.stringify({ formatVersion: 1, ...mine }));
  const before = await formerStore(file);
  const temporal = { address: '127.0.0.1:7233', namespace: 'default' };
  await writeFile(file, JSON.stringify({ formatVersion: 1, store: 'file:///kjv', storeOptions: {}, temporal }));
  expect(await putStoreBack(file, before)).toBe(true);
  expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ formatVersion: 1, ...mine, temporal });
  expect(await putStoreBack(file, before)).toBe(false);
});

it('changes nothing where there was none', async () => {
  const file = path.join(temporaryFolderOfTest('former-store'), 'config.json');
  expect(await formerStore(file)).toBeNull();
  await writeFile(file, JSON.stringify({ formatVersion: 1, store: 'file:///kjv' }));
  expect(await putStoreBack(file, null)).toBe(false);
});
