// Walks a store folder in the order in which S3 lists keys (by UTF-8 bytes of the whole key), entering only folders that
// can hold wanted keys.
import type { Dirent, Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../schemas/errors.js';
import { compareKeys, RESERVED_SEGMENT } from './keys.js';
import type { ObjectInfo } from './object-store.js';
import { codeOf } from './store-errors.js';

/** File statuses asked for at once. */
const STATS_AT_ONCE = 64;

interface Wanted {
  readonly root: string;
  readonly prefix: string;
  readonly startAfter: string | undefined;
}

/** Keys with sizes and times of all files under a key prefix, in key order. */
export async function* listFiles(wanted: Wanted): AsyncIterable<ObjectInfo> {
  const start = wanted.prefix.slice(0, wanted.prefix.lastIndexOf('/') + 1);
  let batch: string[] = [];
  for await (const key of walk(wanted, start)) {
    batch.push(key);
    if (batch.length < STATS_AT_ONCE) continue;
    yield* await infosOf(wanted.root, batch);
    batch = [];
  }
  yield* await infosOf(wanted.root, batch);
}

async function* walk(wanted: Wanted, folder: string): AsyncIterable<string> {
  const entries = await entriesOf(join(wanted.root, folder));
  // A folder sorts as its name with the slash, because its keys go on with one.
  const kinds = await Promise.all(entries.map((entry) => kindOf(wanted.root, folder, entry)));
  const names = entries
    .flatMap(({ name }, i) => (kinds[i] === null ? [] : [folder + name + (kinds[i] === 'folder' ? '/' : '')]))
    .sort(compareKeys);
  for (const name of names) {
    const isFolder = name.endsWith('/');
    if (isFolder ? !mayHold(wanted, name) : !isWanted(wanted, name)) continue;
    if (isFolder) yield* walk(wanted, name);
    else yield name;
  }
}

function isWanted(wanted: Wanted, key: string): boolean {
  if (!key.startsWith(wanted.prefix)) return false;
  return wanted.startAfter === undefined || compareKeys(key, wanted.startAfter) > 0;
}

function mayHold(wanted: Wanted, folder: string): boolean {
  if (folder === `${RESERVED_SEGMENT}/`) return false;
  if (!folder.startsWith(wanted.prefix) && !wanted.prefix.startsWith(folder)) return false;
  // All keys of the folder start with its name: they come after `startAfter` if the name does, or if that key lies in it.
  const after = wanted.startAfter;
  return after === undefined || after.startsWith(folder) || compareKeys(folder, after) > 0;
}

/** What is listed as what reading finds there: links are followed. @throws InputError naming one that leads in a circle */
async function kindOf(root: string, folder: string, entry: Dirent): Promise<'folder' | 'file' | null> {
  const found = entry.isSymbolicLink() ? await linkedAt(root, folder + entry.name) : entry;
  if (found === null) return null;
  return found.isDirectory() ? 'folder' : found.isFile() ? 'file' : null;
}

/** A link in a circle is no "nothing": something that is needed may have lain behind it, so the listing ends. */
async function linkedAt(root: string, name: string): Promise<Stats | null> {
  try {
    return await statOf(join(root, name));
  } catch (error) {
    if (codeOf(error) !== 'ELOOP') throw error;
    const path = await circleIn(root, name);
    throw new InputError(
      `Expected every link in a store's folder to lead to a file or folder, found that ${path} leads in a circle (ELOOP); remove that link, or let it lead where it should, then try again.`,
      { path, code: 'ELOOP' },
      { cause: error },
    );
  }
}

/** The link that leads back to where one came from, on the way to the last one; else the last one. */
async function circleIn(root: string, name: string): Promise<string> {
  const segments = name.split('/');
  let real = await realpath(root);
  const seen = [real];
  for (const segment of segments.slice(0, -1)) {
    const path = join(real, segment);
    real = await realpath(path);
    if (seen.includes(real)) return path;
    seen.push(real);
  }
  return join(real, segments.at(-1) ?? '');
}

async function entriesOf(path: string): Promise<Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}

async function infosOf(root: string, keys: readonly string[]): Promise<ObjectInfo[]> {
  const infos = await Promise.all(
    keys.map(async (key) => {
      const info = await statOf(join(root, key));
      return info === null
        ? null
        : { key, bytes: info.size, modifiedMs: info.mtimeMs, file: `${info.dev}:${info.ino}` };
    }),
  );
  return infos.filter((info) => info !== null);
}

/** Null only for what has gone since it was named: any other failure is one of the listing. */
async function statOf(path: string): Promise<Stats | null> {
  try {
    return await stat(path);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw error;
  }
}
