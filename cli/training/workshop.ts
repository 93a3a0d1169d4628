// What a training by one process works with: compute children, a local cache, spool folders. Leftovers of processes that died
// are cleared away when the next one begins.
import { mkdir, readFile, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ChildPool } from '../../runtime/child/child-pool.js';
import { endOrphans } from '../../runtime/child/orphans.js';
import { processStart } from '../../runtime/child/process-identity.js';
import type { ComputeChildren } from '../../stages/stage.js';
import type { LocalCache } from '../../storage/cache/local-cache.js';
import { openLocalCache } from '../../storage/cache/local-cache.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';

export interface Workshop {
  readonly children: ComputeChildren;
  /** Children that may work at once. */
  readonly slots: number;
  readonly cache: LocalCache;
  readonly spoolRoot: string;
  /** Version of this program, for commits. */
  readonly version: string;
  close(): Promise<void>;
}

export interface WorkshopOptions {
  /** Folder for local copies and spool files. */
  readonly folder: string;
  readonly slots: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Bytes of stored objects that are kept locally. */
const CACHE_BYTES = 20 * 2 ** 30;
/** Share of the machine's memory that one child may take. */
const CHILD_MEMORY = 0.9;

export async function openWorkshop(
  store: ObjectStore,
  { folder, slots, environment }: WorkshopOptions,
): Promise<Workshop> {
  const records = path.join(folder, 'children');
  await endOrphans(records);
  const spoolRoot = await makeSpool(path.join(folder, 'spool'));
  const children = new ChildPool({
    entry: fileURLToPath(new URL('../../stages/child-main.js', import.meta.url)),
    env: { ...environment, GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' },
    memoryLimitBytes: Math.floor(os.totalmem() * CHILD_MEMORY),
    recordFolder: records,
    slots,
  });
  return {
    children,
    slots,
    cache: openLocalCache({
      store,
      folder: path.join(folder, 'objects'),
      budgetBytes: CACHE_BYTES,
    }),
    spoolRoot,
    version: await ownVersion(),
    close: async () => {
      children.close();
      await rm(spoolRoot, { recursive: true, force: true });
    },
  };
}

/** A spool folder of this process; those of dead ones are removed. */
async function makeSpool(root: string): Promise<string> {
  for (const name of await readdir(root).catch(() => [])) {
    const [pid = '', start = ''] = name.split('-');
    if ((await processStart(Number(pid))) !== start) await rm(path.join(root, name), { recursive: true, force: true });
  }
  const own = path.join(root, `${process.pid}-${(await processStart(process.pid)) ?? ''}`);
  await mkdir(own, { recursive: true });
  return own;
}

async function ownVersion(): Promise<string> {
  // dist/ repeats the layout of the sources, one folder below package.json.
  for (const up of ['../../package.json', '../../../package.json']) {
    const text = await readFile(new URL(up, import.meta.url), 'utf8').catch(() => null);
    if (text !== null) return (JSON.parse(text) as { version: string }).version;
  }
  return 'unknown';
}
