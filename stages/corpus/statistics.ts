// What the commit of a part tells about it: the shards with their sizes (from which documents get their numbers) and what
// was left out. Parsed on every read back.
import { z } from 'zod';
import { splitName } from '../../schemas/records.js';
import { DataError } from '../../schemas/errors.js';
import type { Commit } from '../../schemas/records.js';
import { BAD_REASONS } from '../../core/corpus/document.js';

const count = z.number().int().nonnegative();

const shard = z.strictObject({
  name: z.string(),
  split: splitName,
  documents: count,
  textBytes: count.describe('UTF-8 bytes of its texts'),
});
const bySplit = z.strictObject({
  documents: count,
  textBytes: count,
  shards: count.describe('shards that the hash was cut into; one that no document fell into does not exist'),
});

export const corpusStatistics = z.strictObject({
  documents: count,
  textBytes: count,
  splits: z.strictObject({ fit: bySplit, calib: bySplit, test: bySplit }),
  skipped: z.partialRecord(z.enum(BAD_REASONS), count).describe('bad records left out, by reason'),
  skippedExamples: z.array(z.string()).describe('the first few of them: file, line, problem'),
  shards: z.array(shard).describe('in the order in which documents are numbered'),
});
export type CorpusStatistics = z.infer<typeof corpusStatistics>;
export type CorpusShard = CorpusStatistics['shards'][number];

/** The statistics of a corpus commit. @throws DataError where they are damaged */
export function readCorpusStatistics(commit: Pick<Commit, 'statistics' | 'shard'>): CorpusStatistics {
  const result = corpusStatistics.safeParse(commit.statistics);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new DataError(
    `Expected the statistics of a corpus commit (part ${commit.shard}), found ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}; resume with --mode all to make it anew.`,
    { part: commit.shard },
  );
}
