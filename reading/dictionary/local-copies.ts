// Copies of stored files (models, tokenizers) that reading commands keep on this machine, under one budget.
import { openLocalCache, type LocalCache } from '../../storage/cache/local-cache.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';

const BUDGET_BYTES = 20 * 2 ** 30;

/** The copies below a folder, which commands at the same time may share. */
export function openLocalCopies(store: ObjectStore, folder: string): LocalCache {
  return openLocalCache({ store, folder, budgetBytes: BUDGET_BYTES });
}
