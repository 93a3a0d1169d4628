// A folder of one process for files that nobody needs after it, marked with pid, start time and host; those of dead processes are
// removed by whoever makes or sweeps next. A folder of a living process, or of another host until it is old, is never touched.
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDead, temporaryName } from '../objects/process-mark.js';

/** A new folder of this process below `root`. @param prefix of its name, where others keep their things in `root` too */
export async function makeOwnFolder(root: string, prefix = ''): Promise<string> {
  await sweepFolders(root, prefix);
  const own = join(root, `${prefix}${temporaryName()}`);
  await mkdir(own, { recursive: true });
  return own;
}

/** Removes the folders of dead processes; returns how many. What cannot be removed (another user's) stays. */
export async function sweepFolders(root: string, prefix = ''): Promise<number> {
  let swept = 0;
  for (const name of await readdir(root).catch(() => [])) {
    const path = join(root, name);
    if (!name.startsWith(prefix) || !(await isDead(name.slice(prefix.length), path))) continue;
    const removed = await rm(path, { recursive: true, force: true }).then(
      () => true,
      () => false,
    );
    if (removed) swept += 1;
  }
  return swept;
}
