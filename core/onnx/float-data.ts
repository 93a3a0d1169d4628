// One number in each of the float types.
import { floatToHalf } from '../tensor/half.js';

export type FloatType = 'float32' | 'float64' | 'float16';

export function floatData(value: number, dtype: FloatType): Float32Array | Float64Array | Uint16Array {
  if (dtype === 'float32') return Float32Array.of(value);
  if (dtype === 'float64') return Float64Array.of(value);
  return Uint16Array.of(floatToHalf(value));
}
