// A store some of whose operations are done by a test; the others go through.
import type { ObjectStore } from '../../storage/objects/object-store.js';

export function watchedStore(store: ObjectStore, own: Partial<ObjectStore>): ObjectStore {
  return new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(own, name) ?? Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(name in own ? own : target) as unknown) : value;
    },
  });
}
