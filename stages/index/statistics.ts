// Reads the statistics of encode commits: single numbers. Pure.
import type { Split } from '../../schemas/stages.js';
import { DataError } from '../../schemas/errors.js';
import type { Commit } from '../../schemas/records.js';
import type { EncodeStatistics } from '../encode/statistics.js';

/** One encoded shard's single numbers. */
export interface ShardTotals extends EncodeStatistics {
  readonly shard: string;
  readonly split: Split;
}

/** A number of a commit's statistics. @throws DataError that names the commit and the statistic */
export function numberOf({ statistics, shard }: Commit, name: keyof EncodeStatistics): number {
  const value = statistics[name];
  if (typeof value === 'number') return value;
  throw new DataError(
    `Expected a number as statistic "${name}" of encode commit ${shard}, got ${typeof value}; run \`assay resume --mode all\` to encode it again.`,
    { shard, statistic: name },
  );
}

/** The numbers of an encode commit. @throws DataError where it lacks one or does not name its split */
export function totalsOf(commit: Commit): ShardTotals {
  const { shard, split } = commit;
  if (!split)
    throw new DataError(
      `Expected encode commit ${shard} to name its split, found none; run \`assay resume --mode all\` to encode it again.`,
      { shard },
    );
  return {
    shard,
    split,
    rows: numberOf(commit, 'rows'),
    documents: numberOf(commit, 'documents'),
    firings: numberOf(commit, 'firings'),
    xSq: numberOf(commit, 'xSq'),
    errSq: numberOf(commit, 'errSq'),
  };
}
