// The local cache fetches once, hands out only what matches its digest, and stays within its budget.
import { mkdir, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { DataError, InputError } from '../../../../schemas/errors.js';
import { openLocalCache } from '../../../../storage/cache/local-cache.js';
import { createFileStore } from '../../../../storage/objects/file-store.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import type { ObjectStore } from '../../../../storage/objects/object-store.js';
import { putDataBytes, type StoredData } from '../../../../storage/records/data-objects.js';
import { failureOf } from '../../../harness/failure-of.js';
import { countCalls } from './counting-store.js';
import { temporaryFolderOfTest } from '../../../harness/temporary-folder.js';

const never = new AbortController().signal;
let folder = '';

beforeEach(() => {
  folder = temporaryFolderOfTest('cache');
});

function put(store: ObjectStore, text: string): Promise<StoredData> {
  return putDataBytes(store, { bytes: Buffer.from(text), extension: 'bin' }, { partBytes: 100 });
}

describe('the local cache', () => {
  it('fetches once for all who ask, and not again', async () => {
    const { store, counts, reset } = countCalls(createMemoryStore());
    const object = await put(store, 'content');
    const cache = openLocalCache({ store, folder, budgetBytes: 1000 });
    reset();
    const paths = await Promise.all(Array.from({ length: 8 }, () => cache.fetch(object, never)));
    expect(new Set(paths)).toEqual(new Set([join(folder, object.sha256.slice(0, 2), object.sha256)]));
    expect(await readFile(paths[0] ?? '', 'utf8')).toBe('content');
    expect(((await stat(paths[0] ?? '')).mode & 0o777).toString(8)).toBe('444');
    await cache.fetch(object, never);
    expect(counts()).toEqual({ head: 1, getRange: 1 });
    const other = openLocalCache({ store, folder, budgetBytes: 1000 });
    expect(await other.fetch(object, never)).toBe(paths[0]);
    expect(counts()).toEqual({ head: 1, getRange: 1 });
  });

  it('joins parts', async () => {
    const store = createMemoryStore();
    const object = await put(store, 'x'.repeat(250));
    expect(object.key).toMatch(/parts\.json$/);
    const cache = openLocalCache({ store, folder, budgetBytes: 1000 });
    expect(await readFile(await cache.fetch(object, never), 'utf8')).toBe('x'.repeat(250));
  });

  it('fetches anew what was damaged on this disk', async () => {
    const store = createMemoryStore();
    const object = await put(store, 'content');
    const path = join(folder, object.sha256.slice(0, 2), object.sha256);
    await mkdir(join(folder, object.sha256.slice(0, 2)), { recursive: true });
    for (const damaged of ['Content', 'cont']) {
      await rm(path, { force: true });
      await writeFile(path, damaged);
      const cache = openLocalCache({ store, folder, budgetBytes: 1000 });
      expect(await readFile(await cache.fetch(object, never), 'utf8')).toBe('content');
    }
  });

  it('hands out nothing that does not match its digest, and keeps nothing of it', async () => {
    const store = createMemoryStore();
    const object = await put(store, 'content');
    await store.put(object.key, Buffer.from('Content'));
    const cache = openLocalCache({ store, folder, budgetBytes: 1000 });
    const error = await failureOf(cache.fetch(object, never));
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toContain(object.key);
    expect(await readdir(join(folder, object.sha256.slice(0, 2)))).toEqual([]);
    expect(await readdir(join(folder, '.assay-tmp'))).toEqual([]);
    await store.put(object.key, Buffer.from('content'));
    expect(await readFile(await cache.fetch(object, never), 'utf8')).toBe('content');
  });

  it('gives the file of a folder store itself, after one look at its content', async () => {
    const store = createFileStore(join(folder, 'store'));
    const object = await put(store, 'content');
    const cache = openLocalCache({ store, folder: join(folder, 'cache'), budgetBytes: 1000 });
    expect(await cache.fetch(object, never)).toBe(store.localPath(object.key));
    const other = await put(store, 'other');
    await writeFile(store.localPath(other.key), 'Other');
    const damaged = await failureOf(cache.fetch(other, never));
    expect(damaged.message).toMatch(/other content \(5 bytes\).*damaged/s);
    await rm(store.localPath(other.key));
    expect((await failureOf(cache.fetch(other, never))).message).toMatch(/found none/);
    // A file system that fails is no missing object: nothing in the store is to blame.
    await symlink(store.localPath(other.key), store.localPath(other.key));
    const failing = await failureOf(cache.fetch(other, never));
    expect(failing).not.toBeInstanceOf(DataError);
    expect(failing.message).toContain('ELOOP');
  });

  it('removes what was fetched longest ago when the budget is reached', async () => {
    const store = createMemoryStore();
    const cache = openLocalCache({ store, folder, budgetBytes: 250, keepRecentMs: 1000 });
    const objects: StoredData[] = [];
    for (const [age, letter] of [
      [30, 'a'],
      [10, 'b'],
      [20, 'c'],
    ] as const) {
      const object = await put(store, letter.repeat(80));
      objects.push(object);
      const path = await cache.fetch(object, never);
      const then = new Date(Date.now() - age * 60_000);
      await utimes(path, then, then);
    }
    // 240 bytes are there and 80 come: the two oldest (a, c) go until at most 170 stay.
    await cache.fetch(await put(store, 'd'.repeat(80)), never);
    const left = (await Promise.all(objects.map((o) => exists(o)))).map((there, i) => [i, there]);
    expect(left).toEqual([
      [0, false],
      [1, true],
      [2, true],
    ]);
    const again = await cache.fetch(objects[0] as StoredData, never);
    expect(await readFile(again, 'utf8')).toBe('a'.repeat(80));
    async function exists(object: StoredData): Promise<boolean> {
      return (await readdir(join(folder, object.sha256.slice(0, 2))).catch((): string[] => [])).includes(object.sha256);
    }
  });

  it('exceeds the budget rather than remove what is in recent use', async () => {
    const store = createMemoryStore();
    const cache = openLocalCache({ store, folder, budgetBytes: 100 });
    const paths = [];
    for (const letter of ['a', 'b', 'c']) {
      paths.push(await cache.fetch(await put(store, letter.repeat(80)), never));
    }
    for (const path of paths) expect((await stat(path)).size).toBe(80);
  });

  it('sweeps half-fetched files of dead processes', async () => {
    const store = createMemoryStore();
    const temporaries = join(folder, '.assay-tmp');
    await mkdir(temporaries, { recursive: true });
    const host = hostname()
      .replace(/[^A-Za-z0-9-]/g, '_')
      .slice(0, 60);
    await writeFile(join(temporaries, `4194999.1.${host}.u`), 'half');
    const cache = openLocalCache({ store, folder, budgetBytes: 100 });
    await cache.fetch(await put(store, 'content'), never);
    expect(await readdir(temporaries)).toEqual([]);
  });

  it('lets one caller go without stopping the others, and stops when all went', async () => {
    const inner = createMemoryStore();
    const object = await put(inner, 'content');
    let release: () => void = () => undefined;
    const seen: AbortSignal[] = [];
    const gate = new Promise<void>((resolve) => (release = resolve));
    const store = Object.assign(Object.create(inner) as typeof inner, {
      head: async (key: string, options?: { signal?: AbortSignal }) => {
        if (options?.signal) seen.push(options.signal);
        await gate;
        return inner.head(key, options);
      },
      getRange: (...args: Parameters<ObjectStore['getRange']>) => inner.getRange(...args),
    });
    const cache = openLocalCache({ store, folder, budgetBytes: 100 });
    const abort = new AbortController();
    const reason = new InputError('gone');
    const leaving = cache.fetch(object, abort.signal);
    const staying = cache.fetch(object, never);
    abort.abort(reason);
    await expect(leaving).rejects.toBe(reason);
    release();
    expect(await readFile(await staying, 'utf8')).toBe('content');
    expect(seen).toHaveLength(1);

    const alone = new AbortController();
    const second = await put(inner, 'second');
    const only = cache.fetch(second, alone.signal);
    alone.abort(reason);
    await expect(only).rejects.toBe(reason);
    expect(await readFile(await cache.fetch(second, never), 'utf8')).toBe('second');
    await expect(cache.fetch(second, AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
