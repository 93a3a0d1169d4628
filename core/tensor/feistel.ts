// A keyed permutation of 0 … n − 1 in constant memory: six Feistel rounds over an even number of bits, cycle-walking.
import { KeyedRandom } from './random.js';

/** The bijection i ↦ π(i) on 0 … n − 1 (n ≤ 2^30) named by `parts`. */
export function feistelPermutation(n: number, ...parts: readonly (string | number)[]): (i: number) => number {
  let halfBits = 1;
  while (2 ** (2 * halfBits) < n) halfBits++;
  const mask = (1 << halfBits) - 1;
  const random = new KeyedRandom('feistel', n, ...parts);
  const roundKeys = Array.from({ length: 6 }, () => random.nextUint32());
  return (i) => {
    let x = i;
    do {
      let left = x >>> halfBits;
      let right = x & mask;
      for (const key of roundKeys) [left, right] = [right, left ^ (mix(right, key) & mask)];
      x = (left << halfBits) | right;
    } while (x >= n);
    return x;
  };
}

/** MurmurHash3's finaliser with a key. */
function mix(value: number, key: number): number {
  let x = Math.imul(value ^ key, 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
