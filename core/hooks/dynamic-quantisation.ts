// Whether a graph quantises its activations while it runs (ONNX Runtime's dynamic quantisation): the scale of a product's operand is
// then that of the whole batch, so that a context's values depend on the contexts beside it. Weights that are stored quantised and
// activations with stored scales are no such thing.
import type { GraphProto } from '../onnx/proto.js';

/** Operators that take the scale of an activation from its values. */
const DYNAMIC: ReadonlySet<string> = new Set([
  'DynamicQuantizeLinear',
  'DynamicQuantizeMatMul',
  'DynamicQuantizeLSTM',
  'QuantizeBFP',
]);

/** The number of activations that a graph quantises by their own values. */
export function countDynamicQuantisation({ node }: GraphProto): number {
  return node.filter(({ opType }) => DYNAMIC.has(opType ?? '')).length;
}

/** Why a site of such a model is not found. */
export function hiddenByQuantisation(reason: string): string {
  return `the model is quantised dynamically, its projections are products of integers with scales of the whole batch: ${reason}`;
}
