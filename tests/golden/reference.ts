// Reference files of the golden tests, and how far a tensor is from what they hold: the two measures, and PyTorch's own loss.
import { readFileSync } from 'node:fs';
import { asFloat32, asIntegers, decodeSafetensors, type SafeTensor } from '../../core/tensor/safetensors.js';

/** What PyTorch computed for a model, and the ids that it computed it for. */
export interface Reference {
  readonly ids: Uint32Array;
  readonly length: number;
  readonly tensors: ReadonlyMap<string, SafeTensor>;
}

export function readReference(file: string): Reference {
  const tensors = decodeSafetensors(readFileSync(file));
  const ids = tensorOf(tensors, 'input_ids');
  return { ids: Uint32Array.from(asIntegers(ids)), length: ids.shape[1] ?? 0, tensors };
}

/** A tensor of a reference file. */
export function tensorOf(reference: ReadonlyMap<string, SafeTensor>, name: string): SafeTensor {
  const tensor = reference.get(name);
  if (tensor) return tensor;
  throw new RangeError(`no "${name}" in the reference`);
}

/** The values of an F64 tensor. */
export function asFloat64({ dtype, bytes }: SafeTensor): Float64Array {
  if (dtype !== 'F64') throw new TypeError(`Expected an F64 tensor, got ${dtype}.`);
  return new Float64Array(new Uint8Array(bytes).buffer);
}

/** max |a − b| / max |b|; NaN for arrays of two lengths. */
export function largestError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return NaN;
  let [size, difference] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    const expected = b[i] as number;
    size = Math.max(size, Math.abs(expected));
    difference = Math.max(difference, Math.abs((a[i] as number) - expected));
  }
  return difference / size;
}

/** ‖a − b‖ / ‖b‖; NaN for arrays of two lengths. */
export function relativeL2(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return NaN;
  let [square, difference] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    const expected = b[i] as number;
    square += expected ** 2;
    difference += ((a[i] as number) - expected) ** 2;
  }
  return Math.sqrt(difference / square);
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
