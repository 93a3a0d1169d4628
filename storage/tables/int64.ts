// 64-bit integers on disk and in memory: Float64Array of integers within ±2^53, without a BigInt per value.
import type { TypedValues } from './scalars.js';

/** Integers as they are stored: little-endian 64-bit words. */
export function toUint64(values: TypedValues): BigUint64Array {
  return new BigUint64Array(words64(values).buffer);
}

/** Signed integers as they are stored: little-endian 64-bit words, two's complement. */
export function toInt64(values: TypedValues): BigInt64Array {
  return new BigInt64Array(words64(values).buffer);
}

function words64(values: TypedValues): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(values.length * 2);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    words[2 * i] = value % 2 ** 32;
    words[2 * i + 1] = Math.floor(value / 2 ** 32);
  }
  return words;
}

/** The first `length` values in memory. */
export function fromUint64(values: BigUint64Array, length: number): Float64Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, length * 2);
  const numbers = new Float64Array(length);
  for (let i = 0; i < length; i++) numbers[i] = (words[2 * i] as number) + (words[2 * i + 1] as number) * 2 ** 32;
  return numbers;
}

/** The first `length` signed values in memory. */
export function fromInt64(values: BigInt64Array, length: number): Float64Array {
  const low = new Uint32Array(values.buffer, values.byteOffset, length * 2);
  const high = new Int32Array(values.buffer, values.byteOffset, length * 2);
  const numbers = new Float64Array(length);
  for (let i = 0; i < length; i++) numbers[i] = (low[2 * i] as number) + (high[2 * i + 1] as number) * 2 ** 32;
  return numbers;
}
