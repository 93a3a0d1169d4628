// The inside of a normalisation operator as nodes: for reading scale and normalised value beside it, and for replacing the
// operator where one of them is edited. The equations are those of norms.ts; half precision is normed in float32, as the
// operator itself does.
import { InputError } from '../../schemas/errors.js';
import { readAttributes } from '../onnx/attributes.js';
import type { GraphBuilder } from '../onnx/builder.js';
import { DATA_TYPE } from '../onnx/data-type.js';
import type { NodeProto } from '../onnx/proto.js';
import type { Value } from '../onnx/shape.js';
import { NORM_OPERATORS } from './norms.js';

/** Names of the tensors inside a norm whose operator was replaced. */
export function normTensor(output: string, part: 'scale' | 'normalized'): string {
  return `${output}/${part}`;
}

/** Name of a tensor's value before edits, where the edited value has taken its name. */
export function uneditedName(tensor: string): string {
  return `${tensor}/unedited`;
}

/** The norm operator that makes a tensor, also where an edited value has taken the tensor's name. @throws InputError */
export function normMaking(nodes: readonly NodeProto[], tensor: string): NodeProto {
  const isNorm = ({ opType = '', output: [name = ''] }: NodeProto): boolean =>
    NORM_OPERATORS.has(opType) && (name === tensor || name.startsWith(uneditedName(tensor)));
  const node = nodes.find(isNorm);
  if (node !== undefined) return node;
  throw new InputError(
    `Expected a norm operator that makes "${tensor}", found none. Resolve the sites of this model anew.`,
    { tensor },
  );
}

/** x − mean(x) (or x) and sqrt(mean of its square + eps) of what the operator reads, in float32 or float64. */
export function normInside(
  g: GraphBuilder,
  node: NodeProto,
  opset: number,
): { readonly centred: Value; readonly scale: Value } {
  const given = g.value(node.input[0] ?? '');
  const wide = given.dtype === 'float64' ? 'float64' : 'float32';
  const x = cast(g, given, wide);
  const isCentred = NORM_OPERATORS.get(node.opType ?? '') ?? true;
  const centred = isCentred ? g.op('Sub', [x, lastMean(g, x, opset)]) : x;
  const variance = lastMean(g, g.op('Mul', [centred, centred]), opset);
  const eps = g.scalar(readAttributes(node).float('epsilon', 1e-5), wide);
  return { centred, scale: g.op('Sqrt', [g.op('Add', [variance, eps])]) };
}

/** The value of that element type. */
export function cast(g: GraphBuilder, value: Value, dtype: Value['dtype']): Value {
  return value.dtype === dtype ? value : g.op('Cast', [value], { attributes: { to: DATA_TYPE[dtype] } });
}

/** gain · normalized + bias, in the element type of what the operator reads. */
export function normAffine(g: GraphBuilder, node: NodeProto, normalized: Value): Value {
  const dtype = g.value(node.input[0] ?? '').dtype;
  const [, gain = '', bias = ''] = node.input;
  let result = cast(g, normalized, dtype);
  if (gain !== '') result = g.op('Mul', [result, g.value(gain)]);
  if (bias !== '') result = g.op('Add', [result, g.value(bias)]);
  return result;
}

function lastMean(g: GraphBuilder, x: Value, opset: number): Value {
  // The axes moved from an attribute to an input in opset 18.
  return opset < 18
    ? g.op('ReduceMean', [x], { attributes: { axes: [-1], keepdims: 1 } })
    : g.op('ReduceMean', [x, g.integers(-1)], { attributes: { keepdims: 1 } });
}
