// A hash of a few whole numbers, for draws by smallest hash: the same rows are drawn however they are divided or ordered.
// Not for secrets. MurmurHash3 x86_32 (Appleby 2011) over 32-bit words, two seeds, joined to 53 bits.

/** Draws of one purpose; every purpose orders the same rows anew. */
export const HASH_SEEDS = { bands: 0x62616e64, together: 0x746f6765, label: 0x6c61626c, probe: 0x70726f62 } as const;
export type HashPurpose = keyof typeof HASH_SEEDS;

const SECOND = 0x9e3779b9;

/** Three words of 32 bits. */
type Words = readonly [number, number, number];

/** A whole number in 0 … 2^53 − 1, uniform over the words. */
export function keyedHash(purpose: HashPurpose, words: Words): number {
  const seed = HASH_SEEDS[purpose];
  return murmur(seed, words) * 2 ** 21 + (murmur(seed ^ SECOND, words) >>> 11);
}

function murmur(seed: number, [a, b, c]: Words): number {
  let h = block(block(block(seed, a), b), c) ^ 12;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function block(h: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const mixed = h ^ k;
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}
