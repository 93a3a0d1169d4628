// Driver `memory`: objects in this process only, for tests. Same rules and same order as the other drivers.
import { sha256Hex } from '../../core/identity/digest.js';
import type { DataError } from '../../schemas/errors.js';
import { compareKeys, validateKey, validatePrefix, validateRange } from './keys.js';
import type { CallOptions, ObjectInfo, ObjectStore } from './object-store.js';
import { missingObject } from './store-errors.js';

interface Held {
  readonly body: Uint8Array;
  modifiedMs: number;
}

let stores = 0;

/** An empty store; `nowMs` is the clock that stamps its objects. */
export function createMemoryStore(nowMs: () => number = Date.now): ObjectStore {
  stores += 1;
  return new MemoryStore(`memory://${stores}`, nowMs);
}

const named = new Map<string, ObjectStore>();

/** The store of that URL in this process, made at its first use. */
export function openMemoryStore(url: string): ObjectStore {
  const held = named.get(url) ?? new MemoryStore(url, Date.now);
  named.set(url, held);
  return held;
}

class MemoryStore implements ObjectStore {
  readonly url: string;
  readonly addressId: string;
  readonly #nowMs: () => number;
  readonly #objects = new Map<string, Held>();
  /** Keys in order; null after a change. */
  #order: string[] | null = [];

  constructor(url: string, nowMs: () => number) {
    this.url = url;
    this.addressId = sha256Hex(url).slice(0, 16);
    this.#nowMs = nowMs;
  }

  async get(key: string, options?: CallOptions): Promise<Uint8Array | null> {
    const held = await this.#held(key, options);
    return held === null ? null : held.body.slice();
  }

  // eslint-disable-next-line @typescript-eslint/max-params -- the interface's signature
  async getRange(key: string, offset: number, length: number, options?: CallOptions): Promise<Uint8Array> {
    validateRange(key, offset, length);
    const held = await this.#held(key, options);
    if (held === null) throw this.#missing('read', key);
    return held.body.slice(offset, offset + length);
  }

  async head(key: string, options?: CallOptions): Promise<ObjectInfo | null> {
    const held = await this.#held(key, options);
    return held === null ? null : infoOf(key, held);
  }

  async putIfAbsent(key: string, body: Uint8Array, options?: CallOptions): Promise<'created' | 'exists'> {
    await this.#held(key, options);
    // No await between the question and the deed: this is what makes it atomic.
    if (this.#objects.has(key)) return 'exists';
    this.#store(key, body);
    return 'created';
  }

  async put(key: string, body: Uint8Array, options?: CallOptions): Promise<void> {
    await this.#held(key, options);
    this.#store(key, body);
  }

  async *list(prefix: string, options?: CallOptions & { readonly startAfter?: string }): AsyncIterable<ObjectInfo> {
    validatePrefix(prefix);
    const after = options?.startAfter;
    this.#order ??= [...this.#objects.keys()].sort(compareKeys);
    for (const key of this.#order) {
      if (!key.startsWith(prefix)) continue;
      if (after !== undefined && compareKeys(key, after) <= 0) continue;
      const held = await this.#held(key, options);
      if (held !== null) yield infoOf(key, held);
    }
  }

  async touch(key: string, options?: CallOptions): Promise<void> {
    const held = await this.#held(key, options);
    if (held === null) throw this.#missing('touch', key);
    held.modifiedMs = this.#nowMs();
  }

  async delete(key: string, options?: CallOptions): Promise<void> {
    await this.#held(key, options);
    this.#objects.delete(key);
    this.#order = null;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** The object, after the checks that every call makes. */
  #held(key: string, options: CallOptions | undefined): Promise<Held | null> {
    return Promise.resolve().then(() => {
      validateKey(key);
      options?.signal?.throwIfAborted();
      return this.#objects.get(key) ?? null;
    });
  }

  #store(key: string, body: Uint8Array): void {
    this.#objects.set(key, { body: body.slice(), modifiedMs: this.#nowMs() });
    this.#order = null;
  }

  #missing(operation: string, key: string): DataError {
    return missingObject({ operation, key, url: this.url });
  }
}

function infoOf(key: string, held: Held): ObjectInfo {
  return { key, bytes: held.body.length, modifiedMs: held.modifiedMs };
}
