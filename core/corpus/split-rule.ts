// Which split a document belongs to: by a hash of its id keyed by the corpus' split seed (never the run's), or by a field.
import { SPLITS, type Split } from '../../schemas/stages.js';
import { documentHash, HASH_RANGE } from './document-hash.js';

/** Shares of the three splits (they add up to 1), or the field that names a document's split. */
export type SplitRule =
  { readonly field: string } | { readonly fit: number; readonly calib: number; readonly test: number };

/** Whether a value names a split. */
export function isSplit(value: unknown): value is Split {
  return (SPLITS as readonly unknown[]).includes(value);
}

/**
 * The split of a document by its id: u = hash / 2^52; fit where u < fit, calib where u < fit + calib, else test.
 * A split with share 0 stays empty even where the sum of the others is rounded below 1.
 */
export function splitByHash(shares: Readonly<Record<Split, number>>, splitSeed: number, id: string): Split {
  const u = documentHash('split', splitSeed, id) / HASH_RANGE;
  if (u < shares.fit) return 'fit';
  if (u < shares.fit + shares.calib) return 'calib';
  if (shares.test > 0) return 'test';
  return shares.calib > 0 ? 'calib' : 'fit';
}
