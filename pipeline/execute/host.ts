// What does work in one process: compute children, local copies by store, a spool folder. Workers have one, and so have commands
// that work without Temporal. Leftovers of processes that died are cleared away when the next one begins.
import { mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { ChildPool } from '../../runtime/child/child-pool.js';
import { endOrphans } from '../../runtime/child/orphans.js';
import { packageRoot, programFile } from '../../runtime/package-root.js';
import { openLocalCache, type LocalCache } from '../../storage/cache/local-cache.js';
import { makeOwnFolder, sweepFolders } from '../../storage/files/own-folder.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';

export interface HostOptions {
  /** Folder for process records, local copies and spool files. */
  readonly folder: string;
  /** Children that may work at once. */
  readonly slots: number;
  /** Ceiling of one child. */
  readonly memoryBytes: number;
  /** Stored objects that are kept locally. */
  readonly cacheBytes: number;
  /** Environment of the children. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface Host {
  readonly children: ChildPool;
  readonly slots: number;
  cacheFor(store: ObjectStore): LocalCache;
  readonly spoolRoot: string;
  /** Version of this program, for commits. */
  readonly version: string;
  /** Process ids of children whose parent had died, and that were ended. */
  readonly endedOrphans: readonly number[];
  close(): Promise<void>;
}

/** How often leftovers of processes that died meanwhile are looked for. */
const SWEEP_MS = 10 * 60_000;

export async function openHost({ folder, slots, memoryBytes, cacheBytes, environment }: HostOptions): Promise<Host> {
  const records = path.join(folder, 'children');
  await mkdir(folder, { recursive: true });
  const endedOrphans = await endOrphans(records);
  const spools = path.join(folder, 'spool');
  const spoolRoot = await makeOwnFolder(spools);
  // Others of this folder may die while this process lives on.
  const sweeping = setInterval(() => {
    sweepFolders(spools).catch(() => undefined);
  }, SWEEP_MS);
  sweeping.unref();
  const children = new ChildPool({
    entry: programFile('child'),
    env: { ...environment, GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' },
    memoryLimitBytes: memoryBytes,
    recordFolder: records,
    slots,
  });
  const caches = new Map<ObjectStore, LocalCache>();
  return {
    ...{ children, slots, spoolRoot, endedOrphans },
    version: await ownVersion(),
    cacheFor: (store) => {
      const objects = path.join(folder, 'objects');
      const cache = caches.get(store) ?? openLocalCache({ store, folder: objects, budgetBytes: cacheBytes });
      caches.set(store, cache);
      return cache;
    },
    close: async () => {
      clearInterval(sweeping);
      await children.close();
      await rm(spoolRoot, { recursive: true, force: true });
    },
  };
}

/** Of this program. */
export async function ownVersion(): Promise<string> {
  const text = await readFile(path.join(packageRoot(), 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
