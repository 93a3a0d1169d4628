// Halves as 16-bit keys that sort like their values, so that integers can be compared and counted instead of floats. Pure.
import { halfToFloat } from '../../core/tensor/half.js';

/** The key of a half: for finite a, b: key(a) < key(b) exactly when a < b, or a = −0 and b = +0. */
export function keyOfHalf(half: number): number {
  return half & 0x8000 ? ~half & 0xffff : half | 0x8000;
}

/** The half of a key. */
export function halfOfKey(key: number): number {
  return key & 0x8000 ? key & 0x7fff : ~key & 0xffff;
}

/** The value of a key. */
export function keyToFloat(key: number): number {
  return halfToFloat(halfOfKey(key));
}
