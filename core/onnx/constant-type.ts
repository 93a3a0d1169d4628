// The type of a stored tensor: element type, sizes, and its contents where it is a small integer tensor. Reads no weights.
import { dataTypeName } from './data-type.js';
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
  const values = shape.length <= 1 && count <= FOLLOWED_VALUES ? integerValues(tensor) : null;
  return values?.length === count ? { dtype, shape, values } : { dtype, shape };
}
