// How the documents of one part and one split are cut into corpus shards: by a hash keyed by the run's seed, so that a
// shard is a random sample, and the documents of a split in hash order are its shards one after the other.
import type { Split } from '../../schemas/stages.js';
import { HASH_RANGE, type DocumentHash } from './document-hash.js';

/** Bytes of UTF-8 text that count as one token when shards are planned. */
export const BYTES_PER_TOKEN = 4;

/** max(1, round(bytes / (4 · shardTokens))) shards; none where there is no document. */
export function shardCount(documents: number, textBytes: number, shardTokens: number): number {
  if (documents === 0) return 0;
  return Math.max(1, Math.round(textBytes / (BYTES_PER_TOKEN * shardTokens)));
}

/** Shard 0 … count − 1 of a document: ⌊hash · count / 2^52⌋, so shards are ranges of the hash. */
export function shardOf(hash: DocumentHash, count: number): number {
  return Math.min(count - 1, Math.floor((hash / HASH_RANGE) * count));
}

/** Name of a corpus shard, e.g. `3f9a0c1b2d4e5f60-fit-00012`. */
export function shardName(partDigest: string, split: Split, index: number): string {
  return `${partDigest.slice(0, 16)}-${split}-${String(index).padStart(5, '0')}`;
}
