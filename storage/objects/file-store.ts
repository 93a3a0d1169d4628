// Driver `file`: objects as files of a local folder, created once by link(), durable when a call returns.
import { open, readFile, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { sha256Hex } from '../../core/identity/digest.js';
import { readAt } from '../files/local-file.js';
import { listFiles } from './file-list.js';
import { FileWrites } from './file-writes.js';
import { RESERVED_SEGMENT, validateKey, validatePrefix, validateRange } from './keys.js';
import type { CallOptions, ObjectInfo, ObjectStore, PutOptions, StoreCheck } from './object-store.js';
import { sweepTemporaries } from './process-mark.js';
import { codeOf, fileError, missingObject, type StoreCall } from './store-errors.js';

/** The store in an absolute folder, which is made by the first write. */
export function createFileStore(root: string): FileStore {
  return new FileStore(root);
}

class FileStore implements ObjectStore {
  readonly url: string;
  readonly addressId: string;
  readonly folder: string;
  /** Requests are system calls of the process itself. */
  readonly requestsEndWithProcess = true;
  readonly #writes: FileWrites;

  constructor(root: string) {
    this.folder = root;
    this.url = pathToFileURL(root).href.replace(/\/$/, '');
    this.addressId = sha256Hex(this.url).slice(0, 16);
    this.#writes = new FileWrites(root, this.url);
  }

  get(key: string, options?: CallOptions): Promise<Uint8Array | null> {
    return this.#run('read', key, async (path) => {
      try {
        return await readFile(path, { signal: options?.signal });
      } catch (error) {
        if (isAbsent(error)) return null;
        options?.signal?.throwIfAborted();
        throw error;
      }
    });
  }

  // eslint-disable-next-line @typescript-eslint/max-params -- the interface's signature
  getRange(key: string, offset: number, length: number, options?: CallOptions): Promise<Uint8Array> {
    return this.#run('read range', key, async (path, call) => {
      validateRange(key, offset, length);
      options?.signal?.throwIfAborted();
      const file = await open(path, 'r').catch((error: unknown) => {
        throw isAbsent(error) ? missingObject(call) : error;
      });
      try {
        const size = (await file.stat()).size;
        const wanted = Math.max(0, Math.min(length, size - offset));
        return await readAt(file, offset, wanted);
      } finally {
        await file.close();
      }
    });
  }

  head(key: string, options?: CallOptions): Promise<ObjectInfo | null> {
    return this.#run('head', key, async (path) => {
      options?.signal?.throwIfAborted();
      try {
        const info = await stat(path);
        return info.isFile() ? { key, bytes: info.size, modifiedMs: info.mtimeMs } : null;
      } catch (error) {
        if (isAbsent(error)) return null;
        throw error;
      }
    });
  }

  putIfAbsent(key: string, body: Uint8Array, options?: PutOptions): Promise<'created' | 'exists'> {
    return this.#run('create', key, () => {
      options?.signal?.throwIfAborted();
      return options?.urgent === true ? this.#writes.createUrgent(key, body) : this.#writes.create(key, body);
    });
  }

  put(key: string, body: Uint8Array, options?: PutOptions): Promise<void> {
    return this.#run('replace', key, () => {
      options?.signal?.throwIfAborted();
      const { urgent } = options ?? {};
      return urgent === true ? this.#writes.replaceUrgent(key, body) : this.#writes.replace(key, body);
    });
  }

  async *list(prefix: string, options?: CallOptions & { readonly startAfter?: string }): AsyncIterable<ObjectInfo> {
    validatePrefix(prefix);
    const wanted = { root: this.folder, prefix, startAfter: options?.startAfter };
    try {
      for await (const info of listFiles(wanted)) {
        options?.signal?.throwIfAborted();
        yield info;
      }
    } catch (error) {
      throw fileError(error, { operation: 'list', key: prefix, url: this.url });
    }
  }

  touch(key: string, options?: CallOptions): Promise<void> {
    return this.#run('touch', key, async (path, call) => {
      options?.signal?.throwIfAborted();
      const now = new Date();
      await utimes(path, now, now).catch((error: unknown) => {
        throw isAbsent(error) ? missingObject(call) : error;
      });
    });
  }

  delete(key: string, options?: CallOptions): Promise<void> {
    return this.#run('delete', key, () => {
      options?.signal?.throwIfAborted();
      return this.#writes.remove(key);
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  localPath(key: string): string {
    return join(this.folder, validateKey(key));
  }

  /** Removes temporary files of dead processes; the first write does the same. */
  sweep(): Promise<number> {
    return sweepTemporaries(join(this.folder, RESERVED_SEGMENT));
  }

  async driverChecks(scratchKey: string): Promise<StoreCheck[]> {
    const check = 'hard links and fsync of file and folder';
    try {
      await this.#writes.create(scratchKey, new Uint8Array([1]));
      await this.#writes.remove(scratchKey);
      return [{ check, ok: true, detail: 'link() and fsync work' }];
    } catch (error) {
      return [{ check, ok: false, detail: error instanceof Error ? error.message : String(error) }];
    }
  }

  async #run<T>(operation: string, key: string, action: (path: string, call: StoreCall) => Promise<T>): Promise<T> {
    const call = { operation, key, url: this.url };
    try {
      return await action(join(this.folder, validateKey(key)), call);
    } catch (error) {
      throw fileError(error, call);
    }
  }
}

export type { FileStore };

function isAbsent(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR';
}
