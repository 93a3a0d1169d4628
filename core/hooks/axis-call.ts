// What a rule for axes is given, and what several rules ask: an axis by its attribute, axes that keep their places by their sizes.
import { readAttributes } from '../onnx/attributes.js';
import type { NodeProto } from '../onnx/proto.js';
import type { Dim } from '../onnx/shape.js';
import { movedAxis, type Axis } from './axis-labels.js';
import type { Layout } from './layout.js';
import { shapeOf, type SiteGraph } from './site-graph.js';

/** A node with what is known of its operands. */
export interface AxisCall {
  readonly graph: SiteGraph;
  readonly node: NodeProto;
  /** Layouts of the operands: those that do not come from the ids are OUTSIDE; null where not even the rank is known. */
  readonly inputs: readonly (Layout | null)[];
  /** A feature axis of its own. */
  readonly fresh: (size: Dim) => Axis;
}

/** Layouts of the node's outputs; null where nothing is known. One that is left out is like null. */
export type AxisRule = (call: AxisCall) => readonly (Layout | null)[];

export function axisAttribute({ node, inputs }: AxisCall, otherwise: number): number | null {
  const rank = inputs[0]?.length;
  const axis = readAttributes(node).int('axis', otherwise);
  return rank === undefined ? null : axis < 0 ? axis + rank : axis;
}

/** The layout with some axes changed. */
export function changed(layout: Layout, change: (axis: Axis, i: number) => Axis): Layout {
  return layout.map(change);
}

/** Axes whose places are kept, cut off, or repeated, by what the sizes say. */
export function resized(call: AxisCall, keeps: (axis: number, before: Dim, after: Dim) => boolean): Layout | null {
  const { graph, node, inputs, fresh } = call;
  const [before, after] = [shapeOf(graph, node.input[0] ?? ''), shapeOf(graph, node.output[0] ?? '')];
  const [layout] = inputs;
  if (!layout || before?.length !== layout.length || after?.length !== layout.length) return null;
  return changed(layout, (axis, i) => {
    const [from, to] = [before[i] as Dim, after[i] as Dim];
    return keeps(i, from, to) ? axis : movedAxis(axis, { size: to, fresh });
  });
}
