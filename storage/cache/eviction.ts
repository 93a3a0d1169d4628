// Makes room in a cache folder: the files that were fetched longest ago go first, those of late never.
import { readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';

export interface EvictionLimits {
  /** Bytes that may stay. */
  readonly budgetBytes: number;
  /** Age of the last fetch, milliseconds, below which a file stays whatever the budget. */
  readonly keepRecentMs: number;
}

/** Bytes that were removed. Looks at the folder itself, because other processes may share it. */
export async function evictOldest(folder: string, limits: EvictionLimits): Promise<number> {
  const files = await filesOf(folder);
  let over = files.reduce((sum, file) => sum + file.bytes, 0) - limits.budgetBytes;
  let removed = 0;
  const now = Date.now();
  for (const file of files.sort((a, b) => a.usedMs - b.usedMs)) {
    if (over <= 0 || now - file.usedMs < limits.keepRecentMs) break;
    await unlink(file.path).catch(() => undefined);
    over -= file.bytes;
    removed += file.bytes;
  }
  return removed;
}

interface CacheFile {
  readonly path: string;
  readonly bytes: number;
  readonly usedMs: number;
}

async function filesOf(folder: string): Promise<CacheFile[]> {
  const groups = (await readdir(folder).catch(() => [])).filter((name) => name.length === 2);
  const lists = await Promise.all(
    groups.map(async (group) => {
      const names = await readdir(join(folder, group)).catch(() => []);
      return Promise.all(names.map((name) => fileOf(join(folder, group, name))));
    }),
  );
  return lists.flat().filter((file) => file !== null);
}

async function fileOf(path: string): Promise<CacheFile | null> {
  const info = await stat(path).catch(() => null);
  return info === null ? null : { path, bytes: info.size, usedMs: info.mtimeMs };
}
