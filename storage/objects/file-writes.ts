// How the `file` driver makes objects appear whole or not at all, and durable: temporary file, fsync, link or rename,
// fsync of the folder. No locks; the file system's link() decides who was first. Folders that people name (of runs, datasets, probes) go
// when they are empty: rmdir takes none that has a file, and whoever meant to write into one that went makes it anew.
import { link, mkdir, open, rename, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { crashStep } from './crash-points.js';
import { ResourceError } from '../../schemas/errors.js';
import { isFull } from '../../schemas/system-errors.js';
import { KeptRoom } from './kept-room.js';
import { RESERVED_SEGMENT } from './keys.js';
import { sweepTemporaries, temporaryName } from './process-mark.js';
import { codeOf, fileError, linkError, type StoreCall } from './store-errors.js';

/** Kinds of objects whose folders are removed when they are empty. The others are few, or of the busy path, and stay. */
const PRUNED = /^(?:runs|snapshots|probe)\//;
/** How often a folder is made anew that went before a file was put into it. */
const MOST_PLACINGS = 50;

/** Writes into one store folder; remembers which folders it has made durable. */
export class FileWrites {
  readonly #root: string;
  readonly #url: string;
  readonly #folders = new Set<string>();
  /** Of folders that come and go: which one's entry was made durable last. */
  readonly #synced = new Map<string, string>();
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
    const temporary = await this.#writeTemporary(body, call);
    try {
      const outcome = await crashStep('file.link', () => this.#link(temporary, key, call));
      await this.#syncFolder(key, call);
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
      await this.#place(key, () => crashStep('file.rename', () => rename(temporary, path)));
      await this.#syncFolder(key, call);
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
      await this.#syncFolder(key, call);
      await this.#prune(key);
    } catch (error) {
      const code = codeOf(error);
      if (code !== 'ENOENT' && code !== 'ENOTDIR') throw fileError(error, call);
    }
  }

  async #writeTemporary(body: Uint8Array, call: StoreCall): Promise<string> {
    const folder = join(this.#root, RESERVED_SEGMENT);
    const path = join(folder, temporaryName());
    try {
      const file = await this.#whereFolderIs(async () => {
        await this.#makeFolder(folder);
        await (this.#swept ??= sweepTemporaries(folder));
        return open(path, 'wx');
      });
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

  async #link(temporary: string, key: string, call: StoreCall): Promise<'created' | 'exists'> {
    try {
      await this.#place(key, () => link(temporary, join(this.#root, key)));
      return 'created';
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return 'exists';
      throw linkError(error, call);
    }
  }

  /** Makes the object's folder and puts the file into it. */
  #place(key: string, put: () => Promise<void>): Promise<void> {
    const folder = dirname(join(this.#root, key));
    return this.#whereFolderIs(async () => {
      await (PRUNED.test(key) ? makeFoldersOf(this.#root, key) : this.#makeFolder(folder));
      await put();
    });
  }

  /** Does it as often as the folder that it makes goes before it is used: one that got empty, or by hand. */
  async #whereFolderIs<T>(make: () => Promise<T>): Promise<T> {
    for (let left = MOST_PLACINGS; ; left--) {
      try {
        return await make();
      } catch (error) {
        if (codeOf(error) !== 'ENOENT' || left === 0) throw error;
        this.#folders.clear();
      }
    }
  }

  /** Removes the folders that have become empty. */
  async #prune(key: string): Promise<void> {
    if (!PRUNED.test(key)) return;
    for (let folder = dirname(key); folder !== '.'; folder = dirname(folder)) {
      const code = await rmdir(join(this.#root, folder)).then(() => undefined, codeOf);
      // Not empty, a link, another file system's: it stays, and what is above it.
      if (code !== undefined && code !== 'ENOENT') return;
      this.#synced.delete(join(this.#root, folder));
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

  /** Makes the object's entry durable, or that it is gone. */
  async #syncFolder(key: string, call: StoreCall): Promise<void> {
    const folder = dirname(join(this.#root, key));
    try {
      await crashStep('file.folder.fsync', () => (PRUNED.test(key) ? this.#syncUpwards(folder) : syncPath(folder)));
    } catch (error) {
      throw fileError(error, call);
    }
  }

  /**
   * Where folders come and go, those above are synced behind the object and not when they are made: now that there is a file in them
   * they stay. Each is synced once for every folder that it holds, or where one of them has gone: with it, its files.
   */
  async #syncUpwards(folder: string): Promise<void> {
    await syncIfThere(folder);
    for (let one = folder; one.length > this.#root.length; one = dirname(one)) {
      const which = await whichFolder(one);
      if (which !== null && this.#synced.get(one) === which) continue;
      await syncIfThere(dirname(one));
      if (which !== null) this.#synced.set(one, which);
    }
  }

  #call(operation: string, key: string): StoreCall {
    return { operation, key, url: this.#url };
  }
}

/** One by one: what Node does for `recursive` takes a folder that goes meanwhile for a file. */
async function makeFoldersOf(root: string, key: string): Promise<void> {
  const segments = key.split('/');
  for (let depth = 1; depth < segments.length; depth++) {
    await mkdir(join(root, ...segments.slice(0, depth))).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
    });
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

/** A folder that has gone needs none. */
async function syncIfThere(path: string): Promise<void> {
  await syncPath(path).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error;
  });
}

/** Which folder has this path now: one that was made anew is another, also with the number of the old one. Null where that is not known. */
async function whichFolder(path: string): Promise<string | null> {
  try {
    const { dev, ino, birthtimeNs } = await stat(path, { bigint: true });
    return birthtimeNs > 0n ? `${dev}:${ino}:${birthtimeNs}` : null;
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return null;
  }
}
