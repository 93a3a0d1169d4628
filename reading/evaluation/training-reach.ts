// How far a dictionary's training has come, as its commit says.
import { z } from 'zod';
import { EXACT_BECAUSE } from '../../schemas/dictionaries.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { latestSnapshot, readSnapshotCommits } from '../../storage/records/snapshots.js';
import type { EvaluationDocument } from './read-evaluation.js';

/** In a commit's statistics; a dictionary from elsewhere, or of an older version, has none. */
const stated = z.object({
  steps: z.number(),
  tokens: z.number(),
  updates: z.object({ median: z.number(), atLeast100: z.number() }),
  movement: z.object({ median: z.number(), rows: z.number() }),
  candidates: z
    .object({
      recall: z.number().nullable(),
      measured: z.number(),
      exactFrom: z.number().nullable(),
      because: z.enum(EXACT_BECAUSE).nullable(),
    })
    .optional(),
});

/** Null where nothing is stated. @param weights dataset of the dictionary's weights */
export async function trainingReach(
  store: ObjectStore,
  weights: string,
): Promise<NonNullable<EvaluationDocument['training']> | null> {
  const snapshot = await latestSnapshot(store, weights);
  if (!snapshot) return null;
  for await (const { statistics } of readSnapshotCommits(store, snapshot)) {
    const found = stated.safeParse(statistics);
    if (found.success) return found.data;
  }
  return null;
}
