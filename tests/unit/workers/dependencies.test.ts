// A worker's stores: one per URL and options, so that two endpoints under one URL are two stores.
import { describe, expect, it } from 'vitest';
import type { Host } from '../../../pipeline/execute/host.js';
import { createDependencies } from '../../../workers/dependencies.js';

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

describe('the stores of a worker', () => {
  it('are others with other options, and the same with the same', async () => {
    const host = { children: {}, close: () => Promise.resolve() } as unknown as Host;
    const dependencies = createDependencies({ host, hostId: 'here', stop: new AbortController().signal, log });
    const open = (port: number, more: object = {}): ReturnType<typeof dependencies.openStore> =>
      dependencies.openStore('s3://bucket/a', { endpoint: `http://127.0.0.1:${port}`, ...more });
    const [one, two, again] = [await open(9), await open(10), await open(9, { region: undefined })];
    expect(one).not.toBe(two);
    expect(one.addressId).not.toBe(two.addressId);
    expect(again).toBe(one);
    await dependencies.close();
  });
});
