// A store that counts its calls, for tests that bound the number of requests.
import type { ObjectStore } from '../../../../storage/objects/object-store.js';

export interface Counts {
  [method: string]: number;
}

/** The store, with the number of calls of every method since `reset`. */
export function countCalls(store: ObjectStore): {
  store: ObjectStore;
  counts: () => Counts;
  reset: () => void;
} {
  let counts: Counts = {};
  const counted = new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        counts[String(name)] = (counts[String(name)] ?? 0) + 1;
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
  return { store: counted, counts: () => counts, reset: () => (counts = {}) };
}
