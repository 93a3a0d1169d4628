// The type that a file declares for a tensor: element type and sizes by number or canonical name. Trusts what it reads.
import { dataTypeName } from './data-type.js';
import { canonicalDim, MAX_DIM_TEXT } from './symbolic.js';
import type { DimensionProto, ValueInfoProto } from './proto.js';
import { MAX_RANK, type Dim, type TensorType } from './shape.js';

/** The declared type; null where the element type is not said or unknown. An axis without a size is a fresh unknown. */
export function typeOfValueInfo(info: ValueInfoProto, unknownDim: () => Dim): TensorType | null {
  const declared = info.type?.tensorType;
  const dtype = dataTypeName(declared?.elemType ?? 0);
  if (dtype === null) return null;
  const dims = declared?.shape?.dim;
  if (dims === undefined || dims.length > MAX_RANK) return { dtype, shape: null };
  return { dtype, shape: dims.map((dim) => readDim(dim) ?? unknownDim()) };
}

/** The size of a declared axis, or null where it is open. */
function readDim({ dimValue, dimParam }: DimensionProto): Dim | null {
  if (dimParam !== undefined && dimParam.length > MAX_DIM_TEXT) return null;
  if (dimParam !== undefined && dimParam !== '') return canonicalDim(dimParam);
  return dimValue !== undefined && dimValue >= 0 ? dimValue : null;
}
