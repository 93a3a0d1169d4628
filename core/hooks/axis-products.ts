// The axes of products: of two tensors, of a tensor with weights, and of attention as one operator.
import { readAttributes } from '../onnx/attributes.js';
import type { Attributes } from '../onnx/operators/operator.js';
import type { AxisCall } from './axis-call.js';
import { broadcast, type Axis } from './axis-labels.js';
import type { Layout } from './layout.js';
import { contractedLetters, productLetters } from './product-letters.js';
import { shapeOf } from './site-graph.js';

/** Products: letters of the result from the operands. Rows of the ids may not meet: what is summed over them is not known. */
export function product({ node, inputs }: AxisCall): Layout | null {
  const [a, b] = inputs;
  const letters = a && b ? productLetters(node, [a.length, b.length]) : null;
  if (!a || !b || letters === null) return null;
  const [left, right] = letters.operands;
  const axes = (letter: string): readonly Axis[] => [a[left.indexOf(letter)] ?? [], b[right.indexOf(letter)] ?? []];
  const summed = contractedLetters(letters).flatMap((letter) => axes(letter).flat());
  if (summed.some(({ label }) => label.startsWith('batch'))) return null;
  return letters.out.map((letter) => broadcast([[axes(letter)[0] ?? []], [axes(letter)[1] ?? []]])[0] ?? []);
}

/** x · W with W stored in another form, of N columns: all axes but the last stay. */
export function projected({ graph, node, inputs, fresh }: AxisCall): Layout | null {
  const [layout] = inputs;
  const size = shapeOf(graph, node.output[0] ?? '')?.at(-1);
  return layout && size !== undefined ? [...layout.slice(0, -1), fresh(size)] : null;
}

export function gemm({ node, inputs }: AxisCall): Layout | null {
  const [a, b] = inputs;
  if (a?.length !== 2 || b?.length !== 2) return null;
  const attributes = readAttributes(node);
  const [rows, summed] = turned(attributes, 'transA', a);
  const [, columns] = turned(attributes, 'transB', b);
  if (summed.some(({ label }) => label.startsWith('batch'))) return null;
  return [rows, columns];
}

function turned(attributes: Attributes, flag: string, [first = [], second = []]: Layout): readonly [Axis, Axis] {
  return attributes.int(flag, 0) === 1 ? [second, first] : [first, second];
}

/** Attention as one operator reads [batch, pos, width] or [batch, head, pos, d_head], and attends along pos. */
export function attended({ graph, node, inputs, fresh }: AxisCall): Layout | null {
  const [query] = inputs;
  const size = shapeOf(graph, node.output[0] ?? '')?.at(-1);
  const pos = query?.[query.length - 2];
  const fits = pos?.length === 1 && pos.every(({ label }) => label.startsWith('pos'));
  return query && fits && size !== undefined && query.length >= 3 ? [...query.slice(0, -1), fresh(size)] : null;
}
