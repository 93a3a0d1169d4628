// How far a tensor is from a reference: the two measures of the golden gradient tests, and access to reference files.
import { asFloat32, type SafeTensor } from '../../../core/tensor/safetensors.js';

/** max |a − b| / max |b| */
export function largestError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [size, difference] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    const expected = b[i] as number;
    size = Math.max(size, Math.abs(expected));
    difference = Math.max(difference, Math.abs((a[i] as number) - expected));
  }
  return difference / size;
}

/** ‖a − b‖ / ‖b‖ */
export function relativeL2(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [square, difference] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    const expected = b[i] as number;
    square += expected ** 2;
    difference += ((a[i] as number) - expected) ** 2;
  }
  return Math.sqrt(difference / square);
}

/** A tensor of a reference file. */
export function tensorOf(reference: ReadonlyMap<string, SafeTensor>, name: string): SafeTensor {
  const tensor = reference.get(name);
  if (tensor) return tensor;
  throw new RangeError(`no "${name}" in the reference`);
}

/** The values of an F64 tensor. */
export function asFloat64({ bytes }: SafeTensor): Float64Array {
  return new Float64Array(new Uint8Array(bytes).buffer);
}

/**
 * Our gradient's relative L2 error against PyTorch's in float64, in units of what PyTorch's float32 loses against the same.
 */
export function lossRatio(
  gradient: ArrayLike<number>,
  { float32, float64 }: { float32: SafeTensor; float64: SafeTensor },
): number {
  const exact = asFloat64(float64);
  return relativeL2(gradient, exact) / relativeL2(asFloat32(float32), exact);
}
