// Which store the commands of a folder read, kept over a demo that means another one: `up` and `run` make theirs the folder's.
import { readFile, rename, writeFile } from 'node:fs/promises';

/** The store of a configuration, with its connection; null where there is none. */
export async function formerStore(file) {
  const config = await readConfig(file);
  return config === null ? null : { store: config.store, storeOptions: config.storeOptions };
}

/** Puts it back, where it is another one by now, and leaves everything else as it is. Returns whether that was so. */
export async function putStoreBack(file, former) {
  const config = await readConfig(file);
  if (former === null || config === null || config.store === former.store) return false;
  const aside = `${file}.${process.pid}`;
  await writeFile(aside, `${JSON.stringify({ ...config, ...former }, null, 2)}\n`);
  await rename(aside, file);
  return true;
}

async function readConfig(file) {
  return readFile(file, 'utf8').then(JSON.parse, () => null);
}
