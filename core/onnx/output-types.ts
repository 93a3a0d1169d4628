// Types of a node's outputs: what its operator's row infers, with what the caller claims or declares.
import { InputError } from '../../schemas/errors.js';
import { mergeTypes } from './claimed-type.js';
import { type CallContext, inferCall } from './operators/call.js';
import { OPERATORS, operatorName } from './operators/table.js';
import type { NodeProto } from './proto.js';
import type { Dim, TensorType, Value } from './shape.js';

export interface NodeCall {
  readonly node: NodeProto;
  readonly inputs: readonly (Value | null)[];
  readonly context: CallContext;
}

export interface Claims {
  /** Axes of the first output. */
  readonly shape: readonly Dim[] | undefined;
  /** Types of the outputs. */
  readonly declared: readonly TensorType[] | undefined;
}

/** @throws InputError for an operator that has no row, inputs that it does not take, or a claim that does not fit */
export function outputTypes({ node, inputs, context }: NodeCall, { shape, declared }: Claims): readonly TensorType[] {
  const operator = operatorName(node);
  if (operator === null)
    throw new InputError(
      `Expected an operator of the table in core/onnx/operators, got "${node.domain ? `${node.domain}.` : ''}${node.opType ?? ''}".`,
      { operator: node.opType, domain: node.domain },
    );
  const sizeOf = (dim: Dim): number | null => context.sizeOf(dim);
  return inferCall(OPERATORS[operator], { node, inputs }, context).map((type, i) => {
    const told = declared?.[i];
    const merged = told ? mergeTypes(node, { inferred: type, claimed: told }, sizeOf) : type;
    return i === 0 && shape
      ? mergeTypes(node, { inferred: merged, claimed: { dtype: merged.dtype, shape } }, sizeOf)
      : merged;
  });
}
