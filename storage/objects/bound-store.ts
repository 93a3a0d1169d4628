// A store whose every call ends with a signal: what was told to stop reads and writes no more, wherever in its work it stands.
// Never give it to what outlives the work, such as a cache.
import type { CallOptions, ObjectStore } from './object-store.js';

/** The same store; after `bound` aborted every call rejects with its reason. */
export function boundStore(store: ObjectStore, bound: AbortSignal): ObjectStore {
  const withSignal = <Options extends CallOptions>(options?: Options): Options & CallOptions => {
    bound.throwIfAborted();
    const own = options?.signal;
    const signal = own === undefined || own === bound ? bound : AbortSignal.any([own, bound]);
    return { ...(options as Options), signal };
  };
  // Every call is a promise: an abort rejects it and is never thrown at the caller.
  const localPath = store.localPath?.bind(store);
  const driverChecks = store.driverChecks?.bind(store);
  return {
    url: store.url,
    addressId: store.addressId,
    ...(store.folder !== undefined && { folder: store.folder }),
    ...(store.requestsEndWithProcess !== undefined && { requestsEndWithProcess: store.requestsEndWithProcess }),
    get: async (key, options) => store.get(key, withSignal(options)),
    getRange: async (key, ...[offset, length, options]) => store.getRange(key, offset, length, withSignal(options)),
    head: async (key, options) => store.head(key, withSignal(options)),
    putIfAbsent: async (key, body, options) => store.putIfAbsent(key, body, withSignal(options)),
    put: async (key, body, options) => store.put(key, body, withSignal(options)),
    async *list(prefix, options) {
      for await (const info of store.list(prefix, withSignal(options))) {
        yield info;
        bound.throwIfAborted();
      }
    },
    touch: async (key, options) => store.touch(key, withSignal(options)),
    delete: async (key, options) => store.delete(key, withSignal(options)),
    close: () => store.close(),
    ...(localPath && { localPath }),
    ...(driverChecks && { driverChecks }),
  };
}
