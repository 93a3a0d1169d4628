// Which additions are the bias of a projection, whatever its rank: what is added is the same at every row and position, and is
// not computed from the tokens. And which factors are one number. Used for attention's projections and the MLP's alike.
import type { NodeProto } from '../onnx/proto.js';
import { isToken, isUnknownAtom } from './axis-labels.js';
import { shapeOf } from './site-graph.js';
import type { LaidGraph } from './token-axes.js';

/** Whether a node adds a bias to a tensor: [d], [1, 1, d], or [heads, 1, d_head] beside positions in the second last axis. */
export function addsBias(graph: LaidGraph, node: NodeProto, data: string): boolean {
  if (node.opType !== 'Add') return false;
  const added = other(graph, node, data);
  const shape = added === null ? null : shapeOf(graph, added);
  if (shape === null) return false;
  if (shape.every((size) => size === 1)) return true;
  const layout = graph.axes.layoutOf(node.output[0] ?? '');
  // Where axes are not known, a vector is taken for a bias of the last one: the site's equations tell if it is none.
  if (layout === null || shape.length > layout.length) return shape.length <= 1;
  const offset = layout.length - shape.length;
  return shape.every(
    (size, i) => size === 1 || (layout[i + offset] ?? []).every((one) => !isToken(one) && !isUnknownAtom(one)),
  );
}

/** Whether a node multiplies or divides a tensor by one number. */
export function scalesBy(graph: LaidGraph, node: NodeProto, data: string): boolean {
  if (node.opType !== 'Mul' && !(node.opType === 'Div' && node.input[0] === data)) return false;
  const factor = other(graph, node, data);
  return factor !== null && (shapeOf(graph, factor)?.every((size) => size === 1) ?? false);
}

/** The other operand, where it does not come from the tokens. */
function other(graph: LaidGraph, { input }: NodeProto, data: string): string | null {
  const [only, ...more] = input.filter((name) => name !== data);
  return only !== undefined && more.length === 0 && input.length === 2 && !graph.axes.reaches(only) ? only : null;
}
