// How the `file` driver makes objects appear whole or not at all, and durable: temporary file, fsync, link or rename,
// fsync of the folder. No locks; the file system's link() decides who was first.
import { link, mkdir, open, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { crashStep } from './crash-points.js';
import { ResourceError } from '../../schemas/errors.js';
import { isFull } from '../../schemas/system-errors.js';
import { KeptRoom } from './kept-room.js';
import { RESERVED_SEGMENT } from './keys.js';
import { sweepTemporaries, temporaryName } from './process-mark.js';
import { codeOf, fileError, linkError, type StoreCall } from './store-errors.js';

/** Writes into one store folder; remembers which folders it has made durable. */
export class FileWrites {
  readonly #root: string;
  readonly #url: string;
  readonly #folders = new Set<string>();
  readonly #room: KeptRoom;
  #swept: Promise<unknown> | null = null;

  constructor(root: string, url: string) {
    this.#root = root;
    this.#url = url;
    this.#room = new KeptRoom(join(root, RESERVED_SEGMENT, 'reserve'));
  }

  /** 'created' when this call made the file under its final name, 'exists' when another was first; durable either way. */
  async create(key: string, body: Uint8Array): Promise<'created' | 'exists'> {
    const call = this.#call('create', key);
    const path = join(this.#root, key);
    const temporary = await this.#writeTemporary(body, call);
    try {
      const outcome = await crashStep('file.link', () => this.#link(temporary, path, call));
      await this.#syncFolder(dirname(path), call);
      return outcome;
    } finally {
      await crashStep('file.temp.unlink', () => unlink(temporary).catch(() => undefined));
    }
  }

  /** `create` of a record that must be told: on a full disk with the room that is kept back for it. */
  createUrgent(key: string, body: Uint8Array): Promise<'created' | 'exists'> {
    return this.#urgently(() => this.create(key, body));
  }

  /** Likewise `replace`. */
  replaceUrgent(key: string, body: Uint8Array): Promise<void> {
    return this.#urgently(() => this.replace(key, body));
  }

  async #urgently<T>(write: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const outcome = await write();
        await this.#room.keep();
        return outcome;
      } catch (error) {
        const full = error instanceof ResourceError && isFull(String(error.details['code']));
        if (!full || !(await this.#room.give())) throw error;
      }
    }
  }

  /** Puts the file in place, over an earlier one if there is one. */
  async replace(key: string, body: Uint8Array): Promise<void> {
    const call = this.#call('replace', key);
    const path = join(this.#root, key);
    const temporary = await this.#writeTemporary(body, call);
    try {
      await this.#makeFolder(dirname(path));
      await crashStep('file.rename', () => rename(temporary, path));
      await this.#syncFolder(dirname(path), call);
    } catch (error) {
      await unlink(temporary).catch(() => undefined);
      throw fileError(error, call);
    }
  }

  /** Removes the file; the removal is durable, so that what follows it never overtakes it. */
  async remove(key: string): Promise<void> {
    const call = this.#call('delete', key);
    const path = join(this.#root, key);
    try {
      await unlink(path);
      await this.#syncFolder(dirname(path), call);
    } catch (error) {
      const code = codeOf(error);
      if (code !== 'ENOENT' && code !== 'ENOTDIR') throw fileError(error, call);
    }
  }

  async #writeTemporary(body: Uint8Array, call: StoreCall): Promise<string> {
    const folder = join(this.#root, RESERVED_SEGMENT);
    const path = join(folder, temporaryName());
    try {
      await this.#makeFolder(folder);
      await (this.#swept ??= sweepTemporaries(folder));
      const file = await open(path, 'wx');
      try {
        await crashStep('file.temp.write', () => file.writeFile(body));
        await crashStep('file.temp.fsync', () => file.sync());
      } finally {
        await file.close();
      }
      return path;
    } catch (error) {
      await unlink(path).catch(() => undefined);
      throw fileError(error, call);
    }
  }

  async #link(temporary: string, path: string, call: StoreCall): Promise<'created' | 'exists'> {
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#makeFolder(dirname(path));
        await link(temporary, path);
        return 'created';
      } catch (error) {
        const code = codeOf(error);
        if (code === 'EEXIST') return 'exists';
        // The folder went away since it was made (a store emptied by hand): make it anew, once.
        if (code !== 'ENOENT' || attempt > 0) throw linkError(error, call);
        this.#folders.clear();
      }
    }
  }

  /**
   * Makes the folder and its parents, each durable in its own parent. Parents that exist are made durable too, once:
   * the process that made them may have died before it did.
   */
  async #makeFolder(folder: string): Promise<void> {
    if (this.#folders.has(folder)) return;
    const first = await mkdir(folder, { recursive: true }).catch((error: unknown) => {
      // A file has the name of one of the folders. Not to be taken for the EEXIST of link(), which means a lost race.
      if (codeOf(error) !== 'EEXIST') throw error;
      throw Object.assign(error as NodeJS.ErrnoException, { code: 'ENOTDIR' });
    });
    const top = first !== undefined && first.length < this.#root.length ? first : this.#root;
    for (let made = folder; made.length >= top.length; made = dirname(made)) {
      if (this.#folders.has(made)) break;
      await syncPath(dirname(made));
    }
    this.#folders.add(folder);
  }

  async #syncFolder(folder: string, call: StoreCall): Promise<void> {
    try {
      await crashStep('file.folder.fsync', () => syncPath(folder));
    } catch (error) {
      throw fileError(error, call);
    }
  }

  #call(operation: string, key: string): StoreCall {
    return { operation, key, url: this.#url };
  }
}

async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
