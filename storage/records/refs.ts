// Refs: names for values that change. Each change is a new numbered record created once and the highest number wins, so
// the protocol needs no more than put-if-absent and is the same on every driver.
import { z } from 'zod';
import { canonicalJson } from '../../core/identity/canonical-json.js';
import { crashStep } from '../objects/crash-points.js';
import type { ObjectStore } from '../objects/object-store.js';
import { numberedKey, numberOf, refPrefix, unescapePath } from './key-layout.js';
import { createRecord, listAll, readRecord } from './record-io.js';

export const refRecord = z.strictObject({
  formatVersion: z.literal(1),
  name: z.string(),
  version: z.number().int().positive(),
  value: z.json(),
  atMs: z.number(),
});
export type Ref = z.infer<typeof refRecord>;

/** The ref as it now stands with the value: a new version, or the present one where it has that value already. */
export async function setRef(store: ObjectStore, name: string, value: Ref['value']): Promise<Ref> {
  const current = await getRef(store, name);
  if (current !== null && canonicalJson(current.value) === canonicalJson(value)) return current;
  for (let version = (current?.version ?? 0) + 1; ; version++) {
    const ref: Ref = { formatVersion: 1, name, version, value, atMs: Date.now() };
    const key = numberedKey(refPrefix(name), version);
    const outcome = await crashStep('ref.put', () => createRecord(store, { key, value: ref, schema: refRecord }));
    if (outcome.created) return ref;
  }
}

/** The ref's highest version, or null where the name was never set. */
export async function getRef(store: ObjectStore, name: string): Promise<Ref | null> {
  const prefix = refPrefix(name);
  let latest: string | null = null;
  for await (const info of store.list(prefix)) {
    if (numberOf(prefix, info.key) !== null) latest = info.key;
  }
  return latest === null ? null : readRecord(store, latest, refRecord);
}

/** All names with their highest versions, in the order of names. */
export async function listRefs(store: ObjectStore): Promise<{ readonly name: string; readonly version: number }[]> {
  const latest = new Map<string, number>();
  for (const info of await listAll(store, 'refs/')) {
    const folder = info.key.slice(0, info.key.lastIndexOf('/') + 1);
    const version = numberOf(folder, info.key);
    if (version !== null) latest.set(folder, version);
  }
  return [...latest].map(([folder, version]) => ({
    name: unescapePath(folder.slice('refs/'.length, -1)),
    version,
  }));
}
