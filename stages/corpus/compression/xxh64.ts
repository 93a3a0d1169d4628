// XXH64 with seed 0, piece by piece: the checksum of zstd frames (RFC 8878, 3.1.1), of which a frame holds the low four bytes.
// 64-bit numbers are pairs of 32-bit halves, because BigInt is ten times slower; the last steps, once a frame, use BigInt.
// Source: Yann Collet, xxHash specification (XXH64). Proved against Python's xxhash in tests/unit/stages/corpus/zstd.test.ts.

const P1 = 0x9e3779b185ebca87n;
const P2 = 0xc2b2ae3d27d4eb4fn;
const P3 = 0x165667b19e3779f9n;
const P4 = 0x85ebca77c2b2ae63n;
const P5 = 0x27d4eb2f165667c5n;
const STRIPE = 32;

const high = (value: bigint): number => Number(value >> 32n) | 0;
const low = (value: bigint): number => Number(value & 0xffffffffn) | 0;

/** A 64-bit factor as its halves. */
interface Factor {
  readonly high: number;
  readonly low: number;
}

const P1_HALVES: Factor = { high: high(P1), low: low(P1) };
const P2_HALVES: Factor = { high: high(P2), low: low(P2) };

/** Halves of the last product. */
let productHigh = 0;
let productLow = 0;

/** The low 64 bits of a · b. */
function multiply(aHigh: number, aLow: number, b: Factor): void {
  const [a0, a1, b0, b1] = [aLow & 0xffff, aLow >>> 16, b.low & 0xffff, b.low >>> 16];
  const low0 = a0 * b0;
  const mid1 = a0 * b1;
  const mid2 = a1 * b0;
  const middle = (low0 >>> 16) + (mid1 & 0xffff) + (mid2 & 0xffff);
  productLow = (low0 & 0xffff) | (middle << 16);
  productHigh =
    (a1 * b1 + (mid1 >>> 16) + (mid2 >>> 16) + (middle >>> 16) + Math.imul(aHigh, b.low) + Math.imul(aLow, b.high)) | 0;
}

export class Xxh64 {
  /** The four accumulators: high and low half of each. */
  readonly #lanes = Int32Array.from([P1 + P2, P2, 0n, -P1].flatMap((v) => [high(BigInt.asUintN(64, v)), low(v)]));
  readonly #rest = new Uint8Array(STRIPE);
  #restBytes = 0;
  #total = 0;

  update(bytes: Uint8Array): void {
    this.#total += bytes.length;
    let at = 0;
    if (this.#restBytes > 0) {
      at = Math.min(bytes.length, STRIPE - this.#restBytes);
      this.#rest.set(bytes.subarray(0, at), this.#restBytes);
      this.#restBytes += at;
      if (this.#restBytes < STRIPE) return;
      this.#stripes(this.#rest, 0, STRIPE);
      this.#restBytes = 0;
    }
    const end = at + Math.floor((bytes.length - at) / STRIPE) * STRIPE;
    this.#stripes(bytes, at, end);
    this.#rest.set(bytes.subarray(end), 0);
    this.#restBytes = bytes.length - end;
  }

  /** Low 32 bits of the hash of everything so far. */
  low32(): number {
    return Number(this.digest() & 0xffffffffn);
  }

  /** The hash of everything so far. */
  digest(): bigint {
    let hash = wrap((this.#total >= STRIPE ? this.#joined() : P5) + BigInt(this.#total));
    const rest = new DataView(this.#rest.buffer, 0, this.#restBytes);
    let at = 0;
    for (; at + 8 <= this.#restBytes; at += 8) {
      hash = wrap(rotate(hash ^ round(0n, rest.getBigUint64(at, true)), 27n) * P1 + P4);
    }
    if (at + 4 <= this.#restBytes) {
      hash = wrap(rotate(hash ^ wrap(BigInt(rest.getUint32(at, true)) * P1), 23n) * P2 + P3);
      at += 4;
    }
    for (; at < this.#restBytes; at++) hash = wrap(rotate(hash ^ wrap(BigInt(rest.getUint8(at)) * P5), 11n) * P1);
    hash = wrap((hash ^ (hash >> 33n)) * P2);
    hash = wrap((hash ^ (hash >> 29n)) * P3);
    return hash ^ (hash >> 32n);
  }

  /** Takes whole stripes in: lane ← rotate(lane + word · P2, 31) · P1. */
  #stripes(bytes: Uint8Array, from: number, to: number): void {
    const lanes = this.#lanes;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = from; at < to; at += STRIPE) {
      for (let lane = 0; lane < 8; lane += 2) {
        const word = at + lane * 4;
        multiply(view.getInt32(word + 4, true), view.getInt32(word, true), P2_HALVES);
        const sum = (productLow >>> 0) + ((lanes[lane + 1] as number) >>> 0);
        const sumLow = sum | 0;
        const sumHigh = (productHigh + (lanes[lane] as number) + (sum > 0xffffffff ? 1 : 0)) | 0;
        multiply((sumHigh << 31) | (sumLow >>> 1), (sumLow << 31) | (sumHigh >>> 1), P1_HALVES);
        lanes[lane] = productHigh;
        lanes[lane + 1] = productLow;
      }
    }
  }

  #joined(): bigint {
    const lanes = [0, 2, 4, 6].map(
      (lane) => (BigInt((this.#lanes[lane] as number) >>> 0) << 32n) | BigInt((this.#lanes[lane + 1] as number) >>> 0),
    );
    const turns = [1n, 7n, 12n, 18n];
    const sum = lanes.reduce((total, lane, i) => total + rotate(lane, turns[i] as bigint), 0n);
    return lanes.reduce((hash, lane) => wrap((hash ^ round(0n, lane)) * P1 + P4), wrap(sum));
  }
}

function wrap(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}

function rotate(value: bigint, bits: bigint): bigint {
  return wrap((value << bits) | (value >> (64n - bits)));
}

function round(lane: bigint, word: bigint): bigint {
  return wrap(rotate(wrap(lane + word * P2), 31n) * P1);
}
