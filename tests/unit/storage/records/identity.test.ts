// A store has one id, whatever the address by which it is reached; a store of an earlier release keeps the id that its runs know.
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../../../schemas/errors.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import { openStore } from '../../../../storage/objects/open-store.js';
import { claimStoreId, readStoreId } from '../../../../storage/records/identity.js';
import { failureOf } from '../../../harness/failure-of.js';
import { temporaryFolderOfTest } from '../../../harness/temporary-folder.js';

describe('the id of a store', () => {
  it('is the same by a link, with a slash at the end and with dots in its path', async () => {
    const folder = temporaryFolderOfTest('identity');
    await mkdir(join(folder, 'data'));
    await symlink(join(folder, 'data'), join(folder, 'link'));
    const spellings = ['data', 'link', 'data/', './x/../data', 'link/.'];
    const stores = await Promise.all(spellings.map((url) => openStore(url, { base: folder })));
    expect(new Set(stores.map(({ addressId }) => addressId)).size).toBe(2);
    const ids = await Promise.all(stores.map(claimStoreId));
    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).toMatch(/^[0-9a-f]{16}$/);
    const again = await Promise.all(spellings.map((url) => openStore(url, { base: folder })));
    expect(new Set(await Promise.all(again.map(readStoreId)))).toEqual(new Set(ids));
  });

  it('is another in another store, also where that has the address of an earlier one', async () => {
    const ids = await Promise.all([1, 2, 3].map(() => claimStoreId(createMemoryStore())));
    expect(new Set(ids).size).toBe(3);
  });

  it('is that of the address where runs of an earlier release may be active under it, and for readers until it is given', async () => {
    const store = createMemoryStore();
    expect(await readStoreId(store)).toBe(store.addressId);
    expect(await store.get('store.json')).toBeNull();
    await store.put('runs/r/1/config.json', Buffer.from('{}'));
    expect(await claimStoreId(store)).toBe(store.addressId);
    expect(await store.get('store.json')).not.toBeNull();
  });

  it('that is damaged is told, never guessed', async () => {
    const store = createMemoryStore();
    await store.put('store.json', Buffer.from('{}'));
    for (const ask of [readStoreId, claimStoreId]) {
      const error = await failureOf(ask(store));
      expect(error).toBeInstanceOf(DataError);
      expect(error.message).toContain('store.json');
    }
  });
});
