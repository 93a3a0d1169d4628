// From one stage's key to those of the stages before it, and to the snapshots that were published under them.
import { z } from 'zod';
import type { Snapshot } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { getKeyPreimage } from '../../storage/records/key-preimages.js';
import { getSnapshot, latestSnapshot } from '../../storage/records/snapshots.js';

/** How many versions of a dataset are looked at for the wanted one; new versions come every 30 s at most. */
const MOST_VERSIONS = 500;

/** The dataset's newest version that `wanted` accepts; null where there is none. */
export async function newestSnapshot(
  store: ObjectStore,
  dataset: string,
  wanted: (snapshot: Snapshot) => boolean | Promise<boolean>,
): Promise<Snapshot | null> {
  let snapshot = await latestSnapshot(store, dataset);
  for (let looked = 0; snapshot !== null && looked < MOST_VERSIONS; looked++) {
    if (await wanted(snapshot)) return snapshot;
    if (snapshot.version <= 1) return null;
    snapshot = await getSnapshot(store, dataset, snapshot.version - 1);
  }
  return null;
}

const keyedConfig = z.looseObject({ config: z.record(z.string(), z.unknown()) });

/** The fields that a stage's key was made of; empty where nobody stored them. */
export async function keyFields(
  store: ObjectStore,
  stage: string,
  key: string,
): Promise<Readonly<Record<string, unknown>>> {
  const parsed = keyedConfig.safeParse(await getKeyPreimage(store, stage, key));
  return parsed.success ? parsed.data.config : {};
}

/** A field that names another key; null where the fields have none. */
export function keyIn(fields: Readonly<Record<string, unknown>>, name: string): string | null {
  const value = fields[name];
  return typeof value === 'string' ? value : null;
}
