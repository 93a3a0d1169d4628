// Asks an operator's row for the types of a node's outputs, after checking arity and attributes. Shared by the builder, for
// which a failure is the caller's error, and by the inference over foreign graphs, for which it means "unknown".
import { InputError } from '../../../schemas/errors.js';
import { readAttributes } from '../attributes.js';
import { ATTRIBUTE_TYPE } from '../make.js';
import type { NodeProto } from '../proto.js';
import type { Dim, TensorType, Value } from '../shape.js';
import type { AttributeKind, OperatorCall, OperatorRow } from './operator.js';

/** What a row may ask of the graph around the node. */
export interface CallContext {
  readonly opset: number;
  sizeOf(dim: Dim): number | null;
  unknownDim(): Dim;
  /** Foreign graph: unknown attributes pass, and two names in one axis are taken for one size. */
  readonly lenient?: boolean;
  readonly bodyOutputs?: OperatorCall['bodyOutputs'];
}

const KIND_TYPES: Readonly<Record<AttributeKind, number>> = {
  int: ATTRIBUTE_TYPE.INT,
  ints: ATTRIBUTE_TYPE.INTS,
  float: ATTRIBUTE_TYPE.FLOAT,
  floats: ATTRIBUTE_TYPE.FLOATS,
  string: ATTRIBUTE_TYPE.STRING,
  strings: 8,
  tensor: ATTRIBUTE_TYPE.TENSOR,
  graph: ATTRIBUTE_TYPE.GRAPH,
};

/**
 * The types of a node's outputs.
 * @param inputs one per input of the node; null where it is left out
 * @throws InputError with the operator, the types of its inputs, what was expected and what was got
 */
export function inferCall(
  row: OperatorRow,
  { node, inputs }: { readonly node: NodeProto; readonly inputs: readonly (Value | null)[] },
  context: CallContext,
): readonly TensorType[] {
  const opType = node.opType ?? '';
  const fail = (expected: string, got: string): never => {
    throw new InputError(`${opType}(${inputs.map(describeValue).join(', ')}): expected ${expected}, got ${got}.`, {
      operator: opType,
      node: node.name,
      expected,
      got,
    });
  };
  // An input that is left out where the row needs it is the row's own complaint: Loop may lack its first two.
  if (inputs.length > row.inputs.max || inputs.length < row.inputs.min)
    fail(counted(row.inputs, 'input'), String(inputs.filter((input) => input !== null).length));
  if (node.output.length < row.outputs.min || node.output.length > row.outputs.max)
    fail(counted(row.outputs, 'output'), String(node.output.length));
  for (const { name = '', type } of context.lenient === true ? [] : node.attribute) {
    const kind = Object.hasOwn(row.attributes, name) ? row.attributes[name] : undefined;
    const known = Object.keys(row.attributes).join(', ') || 'none';
    if (kind === undefined) fail(`attributes among: ${known}`, `"${name}"`);
    else if (KIND_TYPES[kind] !== type) fail(`attribute "${name}" of kind ${kind}`, `attribute type ${type ?? 'none'}`);
  }
  const types = row.infer({
    opType,
    inputs,
    attributes: readAttributes(node),
    outputs: node.output.length,
    opset: context.opset,
    sizeOf: (dim) => context.sizeOf(dim),
    unknownDim: () => context.unknownDim(),
    lenient: context.lenient === true,
    ...(context.bodyOutputs && { bodyOutputs: context.bodyOutputs }),
    fail,
  });
  return types.slice(0, node.output.length);
}

/** A tensor in messages: `x float32 [batch, pos, 128]`. */
export function describeValue(value: Value | null): string {
  return value === null ? 'none' : `${value.name} ${describeType(value)}`;
}

/** A type in messages: `float32 [batch, pos, 128]`. */
export function describeType({ dtype, shape }: TensorType): string {
  return `${dtype} ${shape === null ? '[of unknown rank]' : `[${shape.join(', ')}]`}`;
}

/** `1 input`, `2 to 3 inputs`, `at least 1 input`. */
function counted({ min, max }: OperatorRow['inputs'], noun: string): string {
  if (min === max) return `${min} ${noun}${min === 1 ? '' : 's'}`;
  if (max === Infinity) return `at least ${min} ${noun}${min === 1 ? '' : 's'}`;
  return `${min} to ${max} ${noun}s`;
}
