// What a listing of keys alone says: the newest of numbered records, the newest versions under many names, the inputs that work
// was done on. Reads at most one record.
import type { z } from 'zod';
import type { ObjectStore } from '../objects/object-store.js';
import { addressOf, numberOf, unescapePath } from './key-layout.js';
import { listAll, readRecord } from './record-io.js';

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

/** The record of highest number, or null where there is none. */
export async function readNewest<T>(store: ObjectStore, prefix: string, schema: z.ZodType<T>): Promise<T | null> {
  const newest = (await listNumbered(store, prefix)).at(-1);
  return newest === undefined ? null : readRecord(store, newest.key, schema);
}

/** Every name under a kind's prefix (`refs/`) with its highest version, in the order of names; `within`: under one name. */
export async function listVersions(
  store: ObjectStore,
  kind: string,
  within = kind,
): Promise<{ readonly name: string; readonly version: number }[]> {
  const latest = new Map<string, number>();
  for (const { key } of await listAll(store, within)) {
    const folder = key.slice(0, key.lastIndexOf('/') + 1);
    const version = numberOf(folder, key);
    if (version !== null) latest.set(folder, version);
  }
  return [...latest].map(([folder, version]) => ({ name: unescapePath(folder.slice(kind.length, -1)), version }));
}

/** Inputs that the records under a prefix of one stage and key are of. */
export async function listInputs(store: ObjectStore, prefix: string): Promise<Set<string>> {
  const inputs = new Set<string>();
  for await (const { key } of store.list(prefix)) {
    const address = addressOf(key);
    if (address !== null) inputs.add(address.input);
  }
  return inputs;
}
