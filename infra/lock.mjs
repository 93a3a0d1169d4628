// One set-up at a time in a checkout: a lock file that names its holder by pid and start time, so that the lock of a
// process that died is taken over.
import { link, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT, startOf } from './processes.mjs';

/** What `body` returns; nobody else holds the lock `name` meanwhile. */
export async function withLock(name, body, { folder = path.join(ROOT, '.cache'), pollMs = 500 } = {}) {
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, `${name}.lock`);
  let told = false;
  while (!(await take(file))) {
    const holder = await readFile(file, 'utf8').catch(() => null);
    if (holder === null) continue;
    if (await isStale(file, holder)) {
      await setAside(file, holder);
      continue;
    }
    if (!told) console.log(`waiting for process ${holder.split(' ')[0]}, which is at the same (${file})`);
    told = true;
    await sleep(pollMs);
  }
  try {
    return await body();
  } finally {
    await rm(file, { force: true });
  }
}

async function take(file) {
  // Written aside and linked, so that a lock file is never seen half written.
  const mine = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  const handle = await open(mine, 'wx');
  await handle.writeFile(`${process.pid} ${startOf(process.pid)}`);
  await handle.close();
  try {
    await link(mine, file);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  } finally {
    await rm(mine, { force: true });
  }
}

async function isStale(file, holder) {
  const [pid, start] = holder.split(' ');
  if (startOf(Number(pid)) !== start) return true;
  // Where start times are not known, a recycled pid could hold a lock for ever.
  const info = await stat(file).catch(() => null);
  return start === '' && info !== null && Date.now() - info.mtimeMs > 60 * 60_000;
}

async function setAside(file, stale) {
  const aside = `${file}.${process.pid}.stale`;
  try {
    await rename(file, aside);
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  // Somebody may have taken the lock over between our look and our rename: give it back.
  if ((await readFile(aside, 'utf8')) !== stale) await link(aside, file).catch(() => undefined);
  await rm(aside, { force: true });
}
