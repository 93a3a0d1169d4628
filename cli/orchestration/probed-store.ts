// A store is tried before Temporal is asked, so that its own faults are told first; where nothing comes of it, a folder that was made
// for the trial goes again: a mistyped name leaves nothing behind that later looks like a store. One in which something was begun stays.
import { readdir, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError } from '../../schemas/system-errors.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { STORE_ID_KEY } from '../../storage/records/identity.js';
import { assertUsableStore } from '../../storage/probe/probe-store.js';

/** Tries the store, then does what is to be done with it. @throws what the trial or the work throws */
export async function withUsableStore<T>(store: ObjectStore, body: () => Promise<T>): Promise<T> {
  const { folder } = store;
  const isNew = folder !== undefined && (await isNothingAt(folder));
  try {
    await assertUsableStore(store);
    return await body();
  } catch (error) {
    // Once the store has its id, workers may write into it at any moment.
    if (isNew && (await isNothingAt(join(folder, STORE_ID_KEY)))) await removeEmpty(folder);
    throw error;
  }
}

/** Whether there is surely nothing: what cannot be looked at may be there. */
async function isNothingAt(path: string): Promise<boolean> {
  return stat(path).then(
    () => false,
    (error: unknown) => isSystemError(error) && error.code === 'ENOENT',
  );
}

/** Removes a folder of which nothing but empty folders is left; whatever lies in it stays. */
async function removeEmpty(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) await rmdir(join(folder, name)).catch(() => undefined);
  await rmdir(folder).catch(() => undefined);
}
