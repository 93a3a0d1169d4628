// Keyed hashes of document ids: which split and shard a document falls into and its place there, whatever file order is.
import { createHash } from 'node:crypto';

/** 52 uniform bits as an integer below 2^52: exact in a float64, so that hashes sort and store as plain numbers. */
export type DocumentHash = number;

export const HASH_RANGE = 2 ** 52;

/** The hash of a document id under a purpose and a seed: the first 52 bits of sha256("purpose/seed/id"). */
export function documentHash(purpose: 'split' | 'order', seed: number, id: string): DocumentHash {
  const digest = createHash('sha256').update(`${purpose}/${seed}/${id}`).digest();
  return digest.readUInt32BE(0) * 2 ** 20 + (digest.readUInt32BE(4) >>> 12);
}
