// IEEE 754 binary16 from and to binary32, round to nearest even: arrays as Uint16Array, because Node 20 has no Float16Array.

const HALF_TO_FLOAT = new Float32Array(65536);
const floatView = new Float32Array(1);
const bitsView = new Uint32Array(floatView.buffer);

for (let h = 0; h < 65536; h++) {
  const sign = h & 0x8000 ? -1 : 1;
  const exponent = (h >> 10) & 31;
  const fraction = h & 1023;
  HALF_TO_FLOAT[h] =
    exponent === 0
      ? sign * fraction * 2 ** -24
      : exponent === 31
        ? fraction
          ? NaN
          : sign * Infinity
        : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The float32 value of one half. */
export function halfToFloat(half: number): number {
  return HALF_TO_FLOAT[half & 0xffff] as number;
}

/** The half (0..65535) nearest to a number, ties to even; beyond ±65,504 (65,520 and up) an infinity. */
export function floatToHalf(value: number): number {
  floatView[0] = value;
  return bitsToHalf(bitsView[0] as number);
}

function bitsToHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x7f800000) return sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00);
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // 65,520 rounds to infinity
  if (magnitude >= 0x38800000) {
    // Normal: rebias the exponent by 112 and round 13 bits away, ties to even.
    const rebased = magnitude - 0x38000000;
    return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
  }
  if (magnitude < 0x33000000) return sign; // below half of the least subnormal
  // Subnormal: shift the 24-bit significand so that one unit is 2^-24.
  const significand = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - (magnitude >>> 23);
  const half = significand >>> shift;
  const rest = significand & ((1 << shift) - 1);
  const middle = 1 << (shift - 1);
  return sign | (half + (rest > middle || (rest === middle && half & 1) ? 1 : 0));
}

/** Halves of `source`, into `target` where given. */
export function floatsToHalfs(source: Float32Array, target: Uint16Array = new Uint16Array(source.length)): Uint16Array {
  const bits = new Uint32Array(source.buffer, source.byteOffset, source.length);
  for (let i = 0; i < bits.length; i++) target[i] = bitsToHalf(bits[i] as number);
  return target;
}

/** Float32 values of halves, into `target` where given. */
export function halfsToFloats(
  source: Uint16Array,
  target: Float32Array = new Float32Array(source.length),
): Float32Array {
  for (let i = 0; i < source.length; i++) target[i] = HALF_TO_FLOAT[source[i] as number] as number;
  return target;
}
