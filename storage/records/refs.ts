// Refs: names for values that change. Each change is a new numbered record created once and the highest number wins, so
// the protocol needs no more than put-if-absent and is the same on every driver.
import { z } from 'zod';
import { canonicalJson } from '../../core/identity/canonical-json.js';
import { crashStep } from '../objects/crash-points.js';
import type { ObjectStore } from '../objects/object-store.js';
import { numberedKey, refPrefix } from './key-layout.js';
import { listVersions, readNewest } from './listings.js';
import { createRecord } from './record-io.js';

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
export function getRef(store: ObjectStore, name: string): Promise<Ref | null> {
  return readNewest(store, refPrefix(name), refRecord);
}

/** All names with their highest versions, in the order of names. */
export function listRefs(store: ObjectStore): Promise<{ readonly name: string; readonly version: number }[]> {
  return listVersions(store, 'refs/');
}
