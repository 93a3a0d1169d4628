// Keeps the sessions used last, so that a compute child loads a model once and not per call. Never releases one in use.
/** Something that holds a session and frees it. */
export interface Releasable {
  release(): Promise<void>;
}

interface Entry<T> {
  readonly held: Promise<T>;
  users: number;
}

/** At most `capacity` idle or busy sessions; beyond it the idle one used longest ago is released. */
export class SessionCache<T extends Releasable> {
  readonly #entries = new Map<string, Entry<T>>();
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** The result of `work` on what `key` names, made by `create` where it is not loaded. */
  async use<Result>(key: string, create: () => Promise<T>, work: (held: T) => Promise<Result>): Promise<Result> {
    const entry = this.#entries.get(key) ?? { held: create(), users: 0 };
    // Deleting first moves the entry to the end of the map's order: used last.
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    entry.users++;
    try {
      await this.#shrink();
      return await work(await entry.held);
    } catch (error) {
      if (await isRejected(entry.held)) this.#entries.delete(key);
      throw error;
    } finally {
      entry.users--;
    }
  }

  /** Releases every idle session. */
  async clear(): Promise<void> {
    for (const [key, entry] of this.#entries) if (entry.users === 0) await this.#drop(key, entry);
  }

  async #shrink(): Promise<void> {
    for (const [key, entry] of this.#entries) {
      if (this.#entries.size <= this.#capacity) return;
      if (entry.users === 0) await this.#drop(key, entry);
    }
  }

  async #drop(key: string, entry: Entry<T>): Promise<void> {
    this.#entries.delete(key);
    if (!(await isRejected(entry.held))) await (await entry.held).release();
  }
}

async function isRejected(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(
    () => false,
    () => true,
  );
}
