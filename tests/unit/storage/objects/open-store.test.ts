// URLs of stores: what each form means, what is refused, and that one address has one id.
import { describe, expect, it } from 'vitest';
import { InputError } from '../../../../schemas/errors.js';
import { canonicalStoreUrl, openStore } from '../../../../storage/objects/open-store.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';

describe('openStore', () => {
  it.each([
    ['file://./data', 'file:///base/data'],
    ['file://data', 'file:///base/data'],
    ['file:///other/data/', 'file:///other/data'],
    ['file:///d/hash#1', 'file:///d/hash%231'],
    ['file:///d/what?x', 'file:///d/what%3Fx'],
    ['/d/hash#1', 'file:///d/hash%231'],
    ['./data/', 'file:///base/data'],
    ['../data', 'file:///data'],
    ['/absolute', 'file:///absolute'],
    ['file:///with%20space', 'file:///with%20space'],
    ['file:///d/hash#1', 'file:///d/hash%231'],
    ['file://./hash#1', 'file:///base/hash%231'],
    ['/d/why?', 'file:///d/why%3F'],
    ['file:///d/why?', 'file:///d/why%3F'],
    ['file:///d/./e/../f', 'file:///d/f'],
    ['file://./with space', 'file:///base/with%20space'],
  ])('opens %s from /base as %s', async (url, expected) => {
    const store = await openStore(url, { base: '/base' });
    expect(store.url).toBe(expected);
    expect(canonicalStoreUrl(url, '/base')).toBe(expected);
  });

  it.each([
    ['s3://bucket', 's3://bucket'],
    ['s3://bucket/', 's3://bucket'],
    ['s3://bucket/a/b/', 's3://bucket/a/b'],
  ])('opens %s as %s', async (url, expected) => {
    const store = await openStore(url, { storeOptions: { endpoint: 'http://127.0.0.1:9' } });
    expect(store.url).toBe(expected);
    expect(canonicalStoreUrl(url)).toBe(expected);
    await store.close();
  });

  it.each(['', 'http://host/x', 'gs://bucket', 's3://', 's3://UPPER/x', 's3://b/a//b', 's3://b/../c'])(
    'refuses %j and says what a store looks like',
    async (url) => {
      const failure = openStore(url, { base: '/base' });
      await expect(failure).rejects.toThrow(InputError);
    },
  );

  it('names the forms that it takes', async () => {
    await expect(openStore('http://host/x')).rejects.toThrow(
      /file:\/\/\.\/data, s3:\/\/bucket\/prefix or a folder, found "http:\/\/host\/x"/,
    );
    await expect(openStore('s3://UPPER/x')).rejects.toThrow(/3 to 63 small letters.*UPPER/s);
    await expect(openStore('relative')).rejects.toThrow(/absolute folder.*"relative"/s);
  });

  it('gives one id to one address, and others to other addresses', async () => {
    const ids = await Promise.all(
      [
        ['file:///a', {}],
        ['/a/', {}],
        ['file:///b', {}],
        ['s3://bucket/a', { endpoint: 'http://127.0.0.1:9' }],
        ['s3://bucket/a', { endpoint: 'http://127.0.0.1:10' }],
      ].map(async ([url, storeOptions]) => {
        const store = await openStore(url as string, { storeOptions: storeOptions as object });
        return store.addressId;
      }),
    );
    expect(ids[0]).toBe(ids[1]);
    expect(new Set(ids).size).toBe(4);
  });

  it('gives the same memory store for the same name, and fresh ones to those who ask for fresh', async () => {
    const one = await openStore('memory://here');
    await one.put('a', Buffer.from('1'));
    expect(await (await openStore('memory://here')).get('a')).not.toBeNull();
    expect(await (await openStore('memory://there')).get('a')).toBeNull();
    expect(await createMemoryStore().get('a')).toBeNull();
  });
});
