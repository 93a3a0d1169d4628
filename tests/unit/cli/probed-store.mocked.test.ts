// What is left of a store that was tried, where nothing came of it: nothing of one that is surely new and was not begun, all of any other.
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, it, vi } from 'vitest';
import { temporaryFolderOfTest } from '../../harness/temporary-folder.js';

/** Paths that cannot be looked at. */
const hidden = vi.hoisted(() => new Set<string>());

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  return {
    ...real,
    stat: (...given: Parameters<typeof real.stat>) =>
      hidden.delete(String(given[0]))
        ? Promise.reject(Object.assign(new Error('EIO: scripted'), { code: 'EIO' }))
        : real.stat(...given),
  };
});

const { withUsableStore } = await import('../../../cli/orchestration/probed-store.js');
const { createFileStore } = await import('../../../storage/objects/file-store.js');
const { claimStoreId } = await import('../../../storage/records/identity.js');

/** What a folder holds after a trial whose work fails. */
async function leftOf(folder: string, work: () => Promise<unknown>): Promise<string[] | null> {
  const failing = withUsableStore(createFileStore(folder), async () => {
    await work();
    throw new RangeError('failed');
  });
  await expect(failing).rejects.toThrow('failed');
  return readdir(folder).catch(() => null);
}

it('a folder that was made for the trial goes', async () => {
  expect(await leftOf(path.join(temporaryFolderOfTest('probed'), 'new'), () => Promise.resolve())).toBeNull();
});

it('one in which something was begun stays as it is', async () => {
  const folder = path.join(temporaryFolderOfTest('probed'), 'new');
  const left = await leftOf(folder, async () => {
    await claimStoreId(createFileStore(folder));
    await mkdir(path.join(folder, 'data'));
  });
  expect(left?.sort()).toEqual(['.assay-tmp', 'data', 'store.json']);
});

it('one that cannot be looked at is not taken for new', async () => {
  const folder = temporaryFolderOfTest('probed');
  await mkdir(path.join(folder, 'mine'));
  hidden.add(folder);
  expect((await leftOf(folder, () => Promise.resolve()))?.sort()).toEqual(['.assay-tmp', 'mine']);
});
