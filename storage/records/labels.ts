// The records that say which labels users gave to the features of a dictionary. Each change is a new numbered record, created once,
// and the highest number wins; whoever finds its number taken makes its change anew over what stands there, so that writers at the
// same time lose nothing. A dictionary is known by the SHA-256 of its weights, whatever runs hold it. Knows records, not labels.
import { z } from 'zod';
import { objectRecord } from '../../schemas/records.js';
import { crashStep } from '../objects/crash-points.js';
import type { CallOptions, ObjectStore } from '../objects/object-store.js';
import { labelsPrefix, numberedKey } from './key-layout.js';
import { readNewest } from './listings.js';
import { createRecord } from './record-io.js';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const labelsRecord = z.strictObject({
  formatVersion: z.literal(1),
  dictionary: sha256.describe('of its weights'),
  version: z.number().int().positive(),
  labels: z.number().int().nonnegative(),
  objects: z.array(objectRecord).describe('all labels that users gave: table labels'),
  atMs: z.number(),
});
export type LabelsRecord = z.infer<typeof labelsRecord>;

/** The labels that stand, or null where nobody gave any. */
export function getLabels(store: ObjectStore, dictionary: string): Promise<LabelsRecord | null> {
  return readNewest(store, labelsPrefix(dictionary), labelsRecord);
}

export interface LabelsChange extends CallOptions {
  /** SHA-256 of the weights. */
  readonly dictionary: string;
  /** What stands after the change; null where it changes nothing. Called again when another writer came first. */
  readonly make: (standing: LabelsRecord | null) => Promise<Pick<LabelsRecord, 'labels' | 'objects'> | null>;
}

/** The record that holds the change; null where nothing stands and nothing was changed. */
export async function changeLabels(store: ObjectStore, change: LabelsChange): Promise<LabelsRecord | null> {
  const { dictionary, make, signal } = change;
  for (;;) {
    signal?.throwIfAborted();
    const standing = await getLabels(store, dictionary);
    const next = await make(standing);
    if (next === null) return standing;
    const version = (standing?.version ?? 0) + 1;
    const value: LabelsRecord = { formatVersion: 1, dictionary, version, ...next, atMs: Date.now() };
    const key = numberedKey(labelsPrefix(dictionary), version);
    const record = { key, value, schema: labelsRecord, signal };
    const { created } = await crashStep('labels.put', () => createRecord(store, record));
    if (created) return value;
  }
}
