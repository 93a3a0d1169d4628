// Who a store is: an id of its own, stored in it once, so that one store reached by several addresses (a link, another host name of
// S3) is one store. Workflow ids and leases are made of it.
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { ObjectStore } from '../objects/object-store.js';
import { createRecord, readRecord } from './record-io.js';

/** Where the id lies: who is about to start something in the store has written it. */
export const STORE_ID_KEY = 'store.json';

const identityRecord = z.strictObject({
  formatVersion: z.literal(1),
  id: z.string().regex(/^[0-9a-f]{16}$/),
  createdMs: z.number(),
});

/** Ids never change: each is read once per process. */
const known = new WeakMap<ObjectStore, string>();

/** The store's id; while nobody has given it one, what stood for it in earlier releases: the id of its address. */
export async function readStoreId(store: ObjectStore): Promise<string> {
  const held = known.get(store) ?? (await readRecord(store, STORE_ID_KEY, identityRecord))?.id;
  if (held === undefined) return store.addressId;
  known.set(store, held);
  return held;
}

/** The store's id, which it is given where it has none: by whoever is about to start something in it. */
export async function claimStoreId(store: ObjectStore): Promise<string> {
  const held = known.get(store) ?? (await readRecord(store, STORE_ID_KEY, identityRecord))?.id;
  if (held !== undefined) return held;
  // Runs of earlier releases may be active under the id of the address.
  const id = (await hasRuns(store)) ? store.addressId : randomBytes(8).toString('hex');
  const value = { formatVersion: 1 as const, id, createdMs: Date.now() };
  const { record } = await createRecord(store, { key: STORE_ID_KEY, value, schema: identityRecord });
  known.set(store, record.id);
  return record.id;
}

async function hasRuns(store: ObjectStore): Promise<boolean> {
  const first = await store.list('runs/')[Symbol.asyncIterator]().next();
  return first.done !== true;
}
