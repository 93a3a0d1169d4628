// Keeps the sessions used last, so that a compute child loads a model once and not per call. Never releases one in use.
import type { Session } from './session.js';

interface Entry {
  readonly session: Promise<Session>;
  users: number;
}

/** At most `capacity` idle or busy sessions; beyond it the idle one used longest ago is released. */
export class SessionCache {
  readonly #entries = new Map<string, Entry>();
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** The result of `work` on the session named by `key`, made by `create` where it is not loaded. */
  async use<T>(
    key: string,
    create: () => Promise<Session>,
    work: (session: Session) => Promise<T>,
  ): Promise<T> {
    const entry = this.#entries.get(key) ?? { session: create(), users: 0 };
    // Deleting first moves the entry to the end of the map's order: used last.
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    entry.users++;
    try {
      await this.#shrink();
      return await work(await entry.session);
    } catch (error) {
      if (await isRejected(entry.session)) this.#entries.delete(key);
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

  async #drop(key: string, entry: Entry): Promise<void> {
    this.#entries.delete(key);
    if (!(await isRejected(entry.session))) await (await entry.session).release();
  }
}

async function isRejected(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(
    () => false,
    () => true,
  );
}
