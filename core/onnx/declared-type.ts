// The type that a file declares for a tensor: element type and sizes by number or canonical name. Trusts what it reads.
import { dataTypeName } from './data-type.js';
import { canonicalDim } from './symbolic.js';
import type { DimensionProto, ValueInfoProto } from './proto.js';
import type { Dim, TensorType } from './shape.js';

/** The declared type; null where the element type is not said or unknown. An axis without a size is a fresh unknown. */
export function typeOfValueInfo(info: ValueInfoProto, unknownDim: () => Dim): TensorType | null {
  const declared = info.type?.tensorType;
  const dtype = dataTypeName(declared?.elemType ?? 0);
  if (dtype === null) return null;
  const shape = declared?.shape?.dim.map((dim) => readDim(dim) ?? unknownDim()) ?? null;
  return { dtype, shape };
}

/** The size of a declared axis, or null where it is open. */
function readDim({ dimValue, dimParam }: DimensionProto): Dim | null {
  if (dimParam !== undefined && dimParam !== '') return canonicalDim(dimParam);
  return dimValue !== undefined && dimValue >= 0 ? dimValue : null;
}
