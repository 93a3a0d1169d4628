// Local copies of stored data objects, named by digest: fetched once also when several ask, checked before they are
// handed out, kept within a budget. Other processes may share the folder; a file in recent use is never removed.
import { createHash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { chmod, mkdir, rename, rm, stat, unlink, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DataError } from '../../schemas/errors.js';
import type { ObjectStore } from '../objects/object-store.js';
import { sweepTemporaries, temporaryName } from '../objects/process-mark.js';
import { codeOf, fileError, missingObject, type StoreCall } from '../objects/store-errors.js';
import { fetchDataToFile } from '../records/data-stream.js';
import { PARTS_EXTENSION } from '../records/key-layout.js';
import { evictOldest } from './eviction.js';
import { SharedFlights } from './shared-flights.js';

/** A stored data object to be fetched. */
export interface CachedObject {
  readonly key: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** Local files named by digest, fetched from the store once and kept within a budget. */
export interface LocalCache {
  /** Path of a read-only local copy of a stored data object; verified against its digest. */
  fetch(
    object: { readonly key: string; readonly sha256: string; readonly bytes: number },
    signal: AbortSignal,
  ): Promise<string>;
}

export interface LocalCacheOptions {
  readonly store: ObjectStore;
  readonly folder: string;
  /** Bytes that the folder may hold; exceeded rather than removing what is in recent use. */
  readonly budgetBytes: number;
  /** Time since its last fetch in which a file is never removed, milliseconds; longer than one item takes. */
  readonly keepRecentMs?: number | undefined;
}

const TEMPORARY = '.assay-tmp';
const KEEP_RECENT_MS = 30 * 60_000;

/** A cache over a folder, which is made at the first fetch. */
export function openLocalCache(options: LocalCacheOptions): FolderCache {
  return new FolderCache(options);
}

class FolderCache {
  readonly #options: LocalCacheOptions;
  readonly #flights = new SharedFlights<string>();
  /** Paths whose content this process has checked. */
  readonly #checked = new Set<string>();
  #ready: Promise<unknown> | null = null;

  constructor(options: LocalCacheOptions) {
    this.#options = options;
  }

  /**
   * Path of a read-only local file with the object's content: the store's own file where the store is a local folder,
   * else a copy. It stays at least for the time that recent files are kept.
   * @throws DataError where the object is missing or damaged, ResourceError where the disk is full
   */
  fetch(object: CachedObject, signal: AbortSignal): Promise<string> {
    return this.#flights.join(object.sha256, signal, (shared) => this.#fetch(object, shared));
  }

  async #fetch(object: CachedObject, signal: AbortSignal): Promise<string> {
    const { store, folder } = this.#options;
    if (store.localPath !== undefined && !object.key.endsWith(`.${PARTS_EXTENSION}`)) {
      return this.#ownFile(object, store.localPath(object.key), signal);
    }
    this.#ready ??= sweepTemporaries(join(folder, TEMPORARY));
    await this.#ready;
    const path = join(folder, object.sha256.slice(0, 2), object.sha256);
    if (!(await this.#isGood(object, path, signal))) await this.#download(object, path, signal);
    const now = new Date();
    await utimes(path, now, now).catch(() => undefined);
    return path;
  }

  /** The store's own file, after a look at its content. */
  async #ownFile(object: CachedObject, path: string, signal: AbortSignal): Promise<string> {
    if (await this.#isGood(object, path, signal)) return path;
    const { key, sha256 } = object;
    const url = this.#options.store.url;
    const info = await statOf(path, { operation: 'read', key, url });
    if (info === null) throw missingObject({ operation: 'read', key, url });
    throw new DataError(
      `Expected ${object.bytes} bytes with SHA-256 ${sha256} in ${key} of ${url}, found other content (${info.size} bytes); the object is damaged: restore it from a copy, or delete it and its commits and \`assay resume\`.`,
      { key, expected: sha256, bytes: info.size },
    );
  }

  /** Whether the file is there with the right size and, as far as this process has not looked yet, digest. */
  async #isGood(object: CachedObject, path: string, signal: AbortSignal): Promise<boolean> {
    const info = await stat(path).catch(() => null);
    if (info?.size !== object.bytes) return false;
    if (this.#checked.has(path)) return true;
    if ((await digestOfFile(path, signal)) !== object.sha256) return false;
    this.#checked.add(path);
    return true;
  }

  async #download(object: CachedObject, path: string, signal: AbortSignal): Promise<void> {
    const { store, folder, budgetBytes } = this.#options;
    const keepRecentMs = this.#options.keepRecentMs ?? KEEP_RECENT_MS;
    const temporary = join(folder, TEMPORARY, temporaryName());
    try {
      await mkdir(dirname(temporary), { recursive: true });
      await mkdir(dirname(path), { recursive: true });
      await evictOldest(folder, { budgetBytes: budgetBytes - object.bytes, keepRecentMs });
      await fetchDataToFile(store, object, { path: temporary, signal });
      await chmod(temporary, 0o444);
      await rename(temporary, path);
      this.#checked.add(path);
    } catch (error) {
      await unlink(temporary).catch(() => undefined);
      throw fileError(error, { operation: 'cache', key: object.key, url: store.url });
    }
  }

  /** Removes all local copies; for tests and for `down`. */
  async clear(): Promise<void> {
    await rm(this.#options.folder, { recursive: true, force: true });
    this.#checked.clear();
  }
}

/** Null only where nothing is there: a file system that fails is no missing object, for which nobody's shard is to blame. */
async function statOf(path: string, call: StoreCall): Promise<Stats | null> {
  try {
    return await stat(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null;
    throw fileError(error, call);
  }
}

export type { FolderCache };

async function digestOfFile(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { signal, highWaterMark: 1 << 20 })) {
    hash.update(piece as Buffer);
  }
  return hash.digest('hex');
}
