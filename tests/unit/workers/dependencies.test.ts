// A worker's stores: one per URL and options, so that two endpoints under one URL are two stores; and none that it may not use.
import type { NativeConnection } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';
import { ALLOW_ANY, allowListed, type AllowList } from '../../../pipeline/allowed/allow-list.js';
import type { Host } from '../../../pipeline/execute/host.js';
import { InputError } from '../../../schemas/errors.js';
import { createDependencies } from '../../../workers/dependencies.js';

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function dependenciesWith(allowed: AllowList): ReturnType<typeof createDependencies> {
  const host = { children: {}, close: () => Promise.resolve() } as unknown as Host;
  const connection = {} as unknown as NativeConnection;
  return createDependencies({
    ...{ host, hostId: 'here', stop: new AbortController().signal, log, allowed },
    ...{ connection, namespace: 'default' },
  });
}

describe('the stores of a worker', () => {
  it('are others with other options, and the same with the same', async () => {
    const dependencies = dependenciesWith(ALLOW_ANY);
    const open = (port: number, more: object = {}): ReturnType<typeof dependencies.openStore> =>
      dependencies.openStore('s3://bucket/a', { endpoint: `http://127.0.0.1:${port}`, ...more });
    const [one, two, again] = [await open(9), await open(10), await open(9, { region: undefined })];
    expect(one).not.toBe(two);
    expect(one.addressId).not.toBe(two.addressId);
    expect(again).toBe(one);
    await dependencies.close();
  });

  it('are those that it was started for, and one that is allowed later is then opened', async () => {
    const stores = [{ url: 's3://bucket/a', endpoint: null }];
    const dependencies = dependenciesWith(allowListed(() => Promise.resolve({ stores, sources: [] })));
    await expect(dependencies.openStore('s3://bucket/a', {})).resolves.toMatchObject({ url: 's3://bucket/a' });
    const other = dependencies.openStore('file:///elsewhere', {});
    await expect(other).rejects.toBeInstanceOf(InputError);
    await expect(other).rejects.toThrow('This worker may not use the store file:///elsewhere');
    stores.push({ url: 'file:///elsewhere', endpoint: null });
    await expect(dependencies.openStore('file:///elsewhere', {})).resolves.toMatchObject({ url: 'file:///elsewhere' });
    await dependencies.close();
  });
});
