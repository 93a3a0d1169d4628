// Quarantine: which pieces of work failed for good, and why. A record is replaced when the work fails again and removed
// when it succeeds; it is no evidence and no part of any digest.
import { quarantineRecord, type Quarantine } from '../../schemas/records.js';
import { crashStep } from '../objects/crash-points.js';
import type { ObjectStore } from '../objects/object-store.js';
import { quarantineKey, quarantinePrefix, type CommitAddress } from './key-layout.js';
import { listInputs } from './listings.js';
import { mapParallel } from './parallel.js';
import { encodeRecord, readRecord } from './record-io.js';

const READS_AT_ONCE = 32;

/** Records the failure, over an earlier one of the same work. */
export async function putQuarantine(store: ObjectStore, record: Quarantine): Promise<void> {
  const key = quarantineKey(record);
  const bytes = encodeRecord(key, record, quarantineRecord);
  await crashStep('quarantine.put', () => store.put(key, bytes));
}

export function getQuarantine(store: ObjectStore, address: CommitAddress): Promise<Quarantine | null> {
  return readRecord(store, quarantineKey(address), quarantineRecord);
}

/** Digests of all inputs quarantined under a key, by one listing. */
export function listQuarantineInputs(store: ObjectStore, stage: string, key: string): Promise<Set<string>> {
  return listInputs(store, quarantinePrefix(stage, key));
}

/** All quarantine records under a key, sorted by input. */
export async function listQuarantine(store: ObjectStore, stage: string, key: string): Promise<Quarantine[]> {
  const inputs = [...(await listQuarantineInputs(store, stage, key))].sort();
  const records = await mapParallel(inputs, READS_AT_ONCE, (input) => getQuarantine(store, { stage, key, input }));
  return records.filter((record) => record !== null);
}

/** Lets the work go: it was committed after all. Nothing happens where there is no record. */
export async function deleteQuarantine(store: ObjectStore, address: CommitAddress): Promise<void> {
  await crashStep('quarantine.delete', () => store.delete(quarantineKey(address)));
}
