// A store that is bound to a signal does what the store does, and nothing more once the signal aborted.
import { expect, it } from 'vitest';
import { boundStore } from '../../../../storage/objects/bound-store.js';
import { createFileStore } from '../../../../storage/objects/file-store.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import type { ObjectStore } from '../../../../storage/objects/object-store.js';

const body = new Uint8Array([1, 2, 3]);

async function listed(store: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list('')) keys.push(key);
  return keys;
}

const CALLS: Readonly<Record<string, (store: ObjectStore) => Promise<unknown>>> = {
  get: (store) => store.get('a'),
  getRange: (store) => store.getRange('a', 1, 2),
  head: (store) => store.head('a'),
  putIfAbsent: (store) => store.putIfAbsent('a', body),
  put: (store) => store.put('b', body),
  touch: (store) => store.touch('a'),
  list: listed,
  delete: (store) => store.delete('a'),
};

it.each(Object.entries(CALLS))('%s', async (name, call) => {
  const [own, other] = [createMemoryStore(), createMemoryStore()];
  for (const store of [own, other]) await store.put('a', body);
  const end = new AbortController();
  const bound = boundStore(own, end.signal);
  const answer = await call(bound);
  if (name !== 'head') expect(answer).toEqual(await call(other));
  expect(await listed(own)).toEqual(await listed(other));
  end.abort(new Error('told to end'));
  const before = await listed(own);
  await expect(call(bound)).rejects.toThrow('told to end');
  expect(await listed(own)).toEqual(before);
});

it('says of itself what the store says', () => {
  const store = createFileStore('/somewhere');
  const { url, addressId, folder, requestsEndWithProcess } = boundStore(store, new AbortController().signal);
  expect({ url, addressId, folder, requestsEndWithProcess }).toEqual({
    ...{ url: store.url, addressId: store.addressId },
    ...{ folder: '/somewhere', requestsEndWithProcess: true },
  });
});
