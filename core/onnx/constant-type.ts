// The type of a stored tensor: element type, sizes, and its contents where it is a small integer tensor. Reads no weights.
import { dataTypeName, type DataTypeName } from './data-type.js';
import type { TensorProto } from './proto.js';
import { MAX_RANK, type TensorType } from './shape.js';
import { integerValues } from './tensor-values.js';

/** Most elements of an integer tensor whose contents are followed: no shape has more. */
export const FOLLOWED_VALUES = 64;

/** The type of a stored tensor; null for an element type that the project does not know. */
export function constantType(tensor: TensorProto): TensorType | null {
  const dtype = dataTypeName(tensor.dataType ?? 0);
  if (dtype === null) return null;
  const shape = tensor.dims;
  if (shape.length > MAX_RANK) return { dtype, shape: null };
  const count = shape.reduce((product, size) => product * size, 1);
  const values = shape.length <= 1 && count <= FOLLOWED_VALUES ? contentsOf(dtype, tensor) : null;
  return values?.length === count ? { dtype, shape, values } : { dtype, shape };
}

/** Integers, and bools as 0 and 1: graphs choose sizes by comparing them. */
function contentsOf(dtype: DataTypeName, tensor: TensorProto): readonly number[] | null {
  if (dtype !== 'bool') return integerValues(tensor);
  if (tensor.externalData.length > 0) return null;
  return tensor.rawData ? Array.from(tensor.rawData, (byte) => Number(byte !== 0)) : tensor.int32Data;
}
