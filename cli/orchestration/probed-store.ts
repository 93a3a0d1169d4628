// A store is tried before Temporal is asked, so that its own faults are told first; where nothing comes of it, a folder that was made
// for the trial goes again: a mistyped name leaves nothing behind that later looks like a store.
import { readdir, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { assertUsableStore } from '../../storage/probe/probe-store.js';

/** Tries the store, then does what is to be done with it. @throws what the trial or the work throws */
export async function withUsableStore<T>(store: ObjectStore, body: () => Promise<T>): Promise<T> {
  const folder = store.url.startsWith('file:') ? fileURLToPath(store.url) : null;
  const isNew = folder !== null && (await stat(folder).catch(() => null)) === null;
  try {
    await assertUsableStore(store);
    return await body();
  } catch (error) {
    if (isNew) await removeEmpty(folder);
    throw error;
  }
}

/** Removes a folder of which nothing but empty folders is left; whatever lies in it stays. */
async function removeEmpty(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) await rmdir(join(folder, name)).catch(() => undefined);
  await rmdir(folder).catch(() => undefined);
}
