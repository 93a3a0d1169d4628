// Builds what activities need: stores by URL, local caches, the spool folder.
import { readFile } from 'node:fs/promises';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { ActivityDependencies, Logger } from '../activities/dependencies.js';
import type { StoreOptionsMessage } from '../schemas/messages.js';
import type { ChildPool } from '../runtime/child/child-pool.js';
import type { LocalCache } from '../storage/cache/local-cache.js';
import { openLocalCache } from '../storage/cache/local-cache.js';
import { openStore } from '../storage/objects/open-store.js';
import type { ObjectStore } from '../storage/objects/object-store.js';
import type { WorkerOptions } from './environment.js';

export interface DependenciesInput {
  readonly options: WorkerOptions;
  readonly folder: string;
  readonly children: ChildPool;
  readonly stop: AbortSignal;
  readonly log: Logger;
}

/** Items of one lot in hand at once: while one computes, the next reads and the last uploads. */
const ITEMS_IN_HAND = 2;

export async function createDependencies(
  input: DependenciesInput,
): Promise<ActivityDependencies & { close(): Promise<void> }> {
  const { options, folder, children, stop, log } = input;
  const stores = new Map<string, Promise<ObjectStore>>();
  const caches = new Map<string, LocalCache>();
  const spoolRoot = path.join(folder, 'spool', String(process.pid));
  await mkdir(spoolRoot, { recursive: true });
  const manifest = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const open = (url: string, storeOptions: StoreOptionsMessage): Promise<ObjectStore> => {
    const known = stores.get(url);
    if (known) return known;
    const opened = openStore(url, { storeOptions });
    stores.set(url, opened);
    opened.catch(() => stores.delete(url));
    return opened;
  };
  return {
    openStore: open,
    cacheFor: (store) => {
      const cache =
        caches.get(store.storeId) ??
        openLocalCache({
          store,
          folder: path.join(folder, 'objects'),
          budgetBytes: options.cacheBytes,
        });
      caches.set(store.storeId, cache);
      return cache;
    },
    children,
    spoolRoot,
    hostId: options.hostId,
    itemsInHand: ITEMS_IN_HAND,
    slots: options.slots,
    version: manifest.version,
    stop,
    log,
    close: async () => {
      for (const opened of stores.values()) await (await opened).close();
      await rm(spoolRoot, { recursive: true, force: true });
    },
  };
}
