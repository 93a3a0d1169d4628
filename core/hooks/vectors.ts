// Sites that are a vector per row and position: where rows, positions and the vectors lie in a tensor, and the cheapest view of it.
import type { Dim } from '../onnx/shape.js';
import { isFeature, rootOf } from './axis-labels.js';
import type { Laid } from './attention.js';
import type { Found } from './found.js';
import type { Layout } from './layout.js';
import type { ResidualStream } from './residual-stream.js';
import { PASS, shapeOf } from './site-graph.js';
import { locate, viewCost, type Located } from './site-view.js';
import { holdsTokens, type LaidGraph } from './token-axes.js';

export interface VectorContext {
  readonly graph: LaidGraph;
  readonly stream: ResidualStream;
}

/** A tensor of vectors, one per row and position, in whatever axes; a Reshape that opens joined ones is preferred. */
export function vectors(context: VectorContext, tensor: string, width: Dim = context.stream.width): Found {
  const own = layoutOfVectors(context, tensor, width);
  return typeof own === 'string' ? own : nearest(context, [{ tensor, layout: own }, ...opened(context, tensor, width)]);
}

/** As `vectors`, in the tensor itself. */
export function vectorsIn(context: VectorContext, tensor: string, width: Dim): Found {
  const layout = layoutOfVectors(context, tensor, width);
  return typeof layout === 'string' ? layout : nearest(context, [{ tensor, layout }]);
}

function nearest({ stream }: VectorContext, places: readonly Laid[]): Found {
  return best(places, ['batch', 'pos', 'last'], stream.embedding.input);
}

/** Where rows, positions and the vectors of that width lie in a tensor; of width 1, the axis of the vectors is passed over. */
function layoutOfVectors({ graph }: VectorContext, tensor: string, width: Dim): Layout | string {
  const { axes } = graph;
  const found = axes.layoutOf(tensor);
  const unknown = `the axes of "${tensor}" cannot be followed from the token ids`;
  if (found === null) return unknown;
  const moved = axes.movedBy(found);
  if (moved !== null) return moved;
  const layout = width === 1 ? [...found.slice(0, -1), []] : found;
  const named = holdsTokens(layout, axes.ids) ? featuresAs(layout, 'last') : null;
  if (named === null) return unknown;
  const held = named
    .flat()
    .reduce((size, { label, size: own }) => size * (rootOf(label) === 'last' ? Number(own) : 1), 1);
  return typeof width === 'number' && held !== width ? `"${tensor}" has vectors of ${held} numbers` : named;
}

/** The layout with its features, in the order in which they arose, under one name; null where they arose in several places. */
export function featuresAs(layout: Layout, name: string): Layout | null {
  const roots = new Set(
    layout
      .flat()
      .filter(isFeature)
      .map(({ label }) => rootOf(label)),
  );
  if (roots.size > 1) return null;
  return layout.map((axis) =>
    axis.map((one) => (isFeature(one) ? { label: one.label.replace(rootOf(one.label), name), size: one.size } : one)),
  );
}

/** The only reader of a joint tensor, where it is an operator that opens it to three axes. */
function opened(context: VectorContext, tensor: string, width: Dim): Laid[] {
  const { graph } = context;
  if (shapeOf(graph, tensor)?.length !== 2) return [];
  const readers = graph.index.consumersOf.get(tensor) ?? [];
  const [only] = readers.map((i) => graph.index.graph.node[i]);
  const output = only?.output[0] ?? '';
  const isOpened = readers.length === 1 && PASS.has(only?.opType ?? '') && shapeOf(graph, output)?.length === 3;
  const layout = isOpened ? layoutOfVectors(context, output, width) : '';
  return typeof layout === 'string' ? [] : [{ tensor: output, layout }];
}

/** The place whose view costs least; the first among equals. */
export function best(places: readonly Laid[], axes: readonly string[], like: string): Found {
  let least: Located | null = null;
  for (const place of places) {
    const located = locate({ ...place, like }, axes);
    if (located && (least === null || viewCost(located.view) < viewCost(least.view))) least = located;
  }
  return least ?? 'its axes cannot be followed';
}
