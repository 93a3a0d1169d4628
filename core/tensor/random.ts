// Random numbers keyed by what they are for (seed, stage, shard or step), never by time or order of work.
import { sha256Hex } from '../identity/digest.js';
import { canonicalJson } from '../identity/canonical-json.js';

/** xoshiro128** (Blackman and Vigna 2018), seeded with the first 128 bits of sha256(canonicalJson(parts)). */
export class KeyedRandom {
  readonly #state: Uint32Array<ArrayBuffer>;
  #spareNormal: number | null = null;

  constructor(...parts: readonly (string | number)[]) {
    const digest = sha256Hex(canonicalJson(parts));
    this.#state = Uint32Array.from([0, 8, 16, 24], (i) => parseInt(digest.slice(i, i + 8), 16));
    if (this.#state.every((word) => word === 0)) this.#state[0] = 1;
  }

  /** Uniform integer in 0 … 2^32 − 1. */
  nextUint32(): number {
    const s = this.#state;
    const s1 = s[1] as number;
    const scaled = Math.imul(s1, 5);
    const result = Math.imul((scaled << 7) | (scaled >>> 25), 9) >>> 0;
    const shifted = s1 << 9;
    s[2] = (s[2] as number) ^ (s[0] as number);
    s[3] = (s[3] as number) ^ s1;
    s[1] = s1 ^ s[2];
    s[0] = (s[0] as number) ^ s[3];
    s[2] = s[2] ^ shifted;
    const s3 = s[3];
    s[3] = (s3 << 11) | (s3 >>> 21);
    return result;
  }

  /** Uniform in [0, 1) with 53 bits. */
  nextFloat(): number {
    return ((this.nextUint32() >>> 5) * 67108864 + (this.nextUint32() >>> 6)) / 9007199254740992;
  }

  /** Uniform integer in 0 … n − 1, n ≤ 2^32, without modulo bias. */
  nextInt(n: number): number {
    const limit = 4294967296 - (4294967296 % n);
    let value = this.nextUint32();
    while (value >= limit) value = this.nextUint32();
    return value % n;
  }

  /** Standard normal (Box and Muller). */
  nextNormal(): number {
    if (this.#spareNormal !== null) {
      const spare = this.#spareNormal;
      this.#spareNormal = null;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.nextFloat()));
    const angle = 2 * Math.PI * this.nextFloat();
    this.#spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** A uniform permutation of 0 … n − 1 (Fisher and Yates). */
  permutation(n: number): Uint32Array {
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.nextInt(i + 1);
      const swap = order[i] as number;
      order[i] = order[j] as number;
      order[j] = swap;
    }
    return order;
  }
}
