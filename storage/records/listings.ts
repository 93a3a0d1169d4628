// What a listing of keys alone says: the newest of numbered records, the newest versions under many names, the inputs that work
// was done on. Reads at most one record.
import type { z } from 'zod';
import { TransientError } from '../../schemas/errors.js';
import type { ObjectInfo, ObjectStore } from '../objects/object-store.js';
import { addressOf, numberOf, parseKey, unescapePath } from './key-layout.js';
import { listAll, readRecord } from './record-io.js';

const MOST_LOOKS = 5;

/** Keys and numbers of the numbered records under a prefix, ascending. */
export async function listNumbered(
  store: ObjectStore,
  prefix: string,
): Promise<{ readonly key: string; readonly number: number }[]> {
  const found: { key: string; number: number }[] = [];
  for await (const { key } of store.list(prefix)) {
    const number = numberOf(prefix, key);
    if (number !== null) found.push({ key, number });
  }
  return found;
}

/**
 * The record of highest number, or null where there is none.
 * @throws TransientError where records come and go
 */
export async function readNewest<T>(store: ObjectStore, prefix: string, schema: z.ZodType<T>): Promise<T | null> {
  for (let looked = 0; looked < MOST_LOOKS; looked++) {
    const newest = (await listNumbered(store, prefix)).at(-1);
    if (newest === undefined) return null;
    const record = await readRecord(store, newest.key, schema);
    // Removed between the two calls: that one is gone does not mean that there is none.
    if (record !== null) return record;
  }
  throw new TransientError(
    `Expected a record under ${prefix} in ${store.url} to stay, each of ${MOST_LOOKS} was removed while it was read; try again.`,
    { prefix },
  );
}

/** Every name of a kind with its highest version, in the order of names; `within`: under one prefix alone. */
export async function listVersions(
  store: ObjectStore,
  within: string,
): Promise<{ readonly name: string; readonly version: number }[]> {
  const latest = new Map<string, number>();
  for (const { key } of await listAll(store, within)) {
    const laid = parseKey(key);
    if (laid?.isOwn && laid.parts.names !== undefined) latest.set(laid.parts.names, Number(laid.parts.number));
  }
  return [...latest].map(([names, version]) => ({ name: unescapePath(names), version }));
}

/** Inputs that the records under a prefix of one stage and key are of. */
export async function listInputs(store: ObjectStore, prefix: string): Promise<Set<string>> {
  return new Set((await listInputRecords(store, prefix)).keys());
}

/** The records under a prefix of one stage and key, by their inputs. */
export async function listInputRecords(store: ObjectStore, prefix: string): Promise<Map<string, ObjectInfo>> {
  const records = new Map<string, ObjectInfo>();
  for await (const info of store.list(prefix)) {
    const address = addressOf(info.key);
    if (address !== null) records.set(address.input, info);
  }
  return records;
}
