// What a caller claims of a value's type, held against what the operator's row inferred.
import { InputError } from '../../schemas/errors.js';
import { describeType } from './operators/call.js';
import type { NodeProto } from './proto.js';
import type { Dim, TensorType } from './shape.js';
import { isName, isUnknown } from './symbolic.js';

type SizeOf = (dim: Dim) => number | null;

/** What was inferred, with the axes that the caller claims. @throws InputError where they contradict each other */
export function mergeTypes(
  node: NodeProto,
  { inferred, claimed }: { readonly inferred: TensorType; readonly claimed: TensorType },
  sizeOf: SizeOf,
): TensorType {
  const axesAgree = (): boolean => {
    const [a, b] = [inferred.shape, claimed.shape];
    if (a === null || b === null) return true;
    return a.length === b.length && a.every((dim, i) => maySame(dim, b[i] as Dim, sizeOf));
  };
  if (inferred.dtype === claimed.dtype && axesAgree()) return { ...inferred, shape: claimed.shape ?? inferred.shape };
  throw new InputError(
    `${node.opType ?? ''} → "${node.output[0] ?? ''}": expected ${describeType(claimed)}, got ${describeType(inferred)}.`,
    { operator: node.opType, expected: claimed, got: inferred },
  );
}

/** Whether two sizes are equal as far as is known; a name and a number are only where the name has that number. */
function maySame(inferred: Dim, claimed: Dim, sizeOf: SizeOf): boolean {
  if (inferred === claimed || isUnknown(inferred) || isUnknown(claimed)) return true;
  const [a, b] = [sizeOf(inferred), sizeOf(claimed)];
  if (a !== null && b !== null) return a === b;
  const settled = (dim: Dim): boolean => typeof dim === 'number' || isName(dim);
  return !settled(inferred) || !settled(claimed);
}
