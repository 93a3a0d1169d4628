// Where the rows and positions of the token ids lie in the tensors that are computed from their embedding: inferred from
// operator to operator (axis-rules.ts) and never assumed, so that a model that computes in [pos, batch, …], or puts other
// positions beside those of the tokens, is known as what it is. Names in the file decide nothing.
import { nodeAt, readNames } from '../onnx/graph-index.js';
import type { NodeProto } from '../onnx/proto.js';
import type { Dim } from '../onnx/shape.js';
import { broadcast, isMoved, isToken, isUnknownAtom, OUTSIDE, rootOf, settle, type Axis } from './axis-labels.js';
import { axisRule, fitting, outsideLayout, unknownLayout } from './axis-rules.js';
import type { TokenEmbedding } from './embedding.js';
import { atom, type Layout } from './layout.js';
import { shapeOf, type SiteGraph } from './site-graph.js';

export interface TokenAxes {
  /** The layout of a tensor that is computed from the embedding; null where it is none, or nothing is known of it. */
  layoutOf(tensor: string): Layout | null;
  /** Whether a tensor is computed from the token ids (their number and length left out). */
  reaches(tensor: string): boolean;
  /** Why a layout does not have the positions of the ids, in words; null where it has. */
  movedBy(layout: Layout): string | null;
  /** Sizes of the axes of the ids. */
  readonly ids: { readonly batch: Dim; readonly pos: Dim };
}

/** A graph with the axes of the token ids in its tensors. */
export interface LaidGraph extends SiteGraph {
  readonly axes: TokenAxes;
}

/** The graph with the axes of its token ids, followed from the embedding on. */
export function followTokens(graph: SiteGraph, embedding: Pick<TokenEmbedding, 'input' | 'tensor'>): LaidGraph {
  const [batch = '?batch', pos = '?pos'] = shapeOf(graph, embedding.input) ?? [];
  const ids = [atom('batch', batch), atom('pos', pos)];
  const rank = shapeOf(graph, embedding.input)?.length ?? 2;
  const before = new Walk(graph, { start: embedding.input, layout: rank === 2 ? ids : null, prefix: 'e' });
  const made = graph.index.producerOf.get(embedding.tensor) ?? -1;
  before.follow(0, graph.index.graph.node.length);
  const walk = new Walk(graph, {
    start: embedding.tensor,
    layout: before.layouts.get(embedding.tensor) ?? null,
    prefix: 'f',
  });
  walk.follow(made + 1, graph.index.graph.node.length);
  const axes: TokenAxes = {
    ids: { batch, pos },
    reaches: (tensor) => walk.layouts.has(tensor) || before.layouts.has(tensor),
    layoutOf: (tensor) => sharpened(graph, walk.layouts, tensor),
    movedBy: (layout) => (layout.flat().some(isMoved) ? movedText(walk.firstMove ?? before.firstMove) : null),
  };
  return { ...graph, axes };
}

function movedText(node: NodeProto | null): string {
  const at =
    node === null ? '' : `: node "${node.name ?? ''}" (${node.opType ?? ''}) adds to them, drops some or moves them`;
  return `its positions or rows are not those of the token ids${at}`;
}

interface WalkStart {
  readonly start: string;
  readonly layout: Layout | null;
  /** What labels of features begin with. */
  readonly prefix: string;
}

/** Layouts from one tensor on. */
class Walk {
  readonly layouts = new Map<string, Layout | null>();
  firstMove: NodeProto | null = null;
  readonly #graph: SiteGraph;
  readonly #prefix: string;
  #features = 0;

  constructor(graph: SiteGraph, { start, layout, prefix }: WalkStart) {
    this.#graph = graph;
    this.#prefix = prefix;
    this.layouts.set(start, layout);
  }

  follow(from: number, to: number): void {
    const { graph } = this.#graph.index;
    for (let at = from; at < to; at++) {
      const node = nodeAt(graph, at);
      const operator = node.opType ?? '';
      if (operator === 'Shape' || operator === 'Size') continue;
      if (readNames(node).some((name) => this.layouts.has(name))) this.#step(node);
    }
  }

  #step(node: NodeProto): void {
    const graph = this.#graph;
    const inputs = node.input.map((name) => {
      const shape = shapeOf(graph, name);
      if (!this.layouts.has(name)) return outsideLayout(shape);
      return this.layouts.get(name) ?? unknownLayout(shape);
    });
    const fresh = (size: Dim): Axis => this.#fresh(size);
    const made = axisRule(node.opType ?? '')?.({ graph, node, inputs, fresh }) ?? [];
    const before = inputs.some((layout) => layout?.flat().some(isMoved));
    node.output.forEach((output, i) => {
      if (output === '') return;
      const layout = this.#settled(made[i] ?? null, shapeOf(graph, output));
      this.layouts.set(output, layout);
      if (!before && this.firstMove === null && layout?.flat().some(isMoved)) this.firstMove = node;
    });
  }

  #settled(layout: Layout | null, shape: readonly Dim[] | null): Layout | null {
    const settled = layout && settle(layout);
    const fits = settled && fitting(settled, shape);
    if (fits === null) return unknownLayout(shape);
    return fits.map((axis) => axis.flatMap((one) => (rootOf(one.label) === OUTSIDE ? this.#fresh(one.size) : [one])));
  }

  #fresh(size: Dim): Axis {
    return size === 1 ? [] : [{ label: `${this.#prefix}${this.#features++}`, size }];
  }
}

/** The layout of a tensor; what its own way leaves open is told by a sum of its shape that it is an operand of. */
function sharpened(graph: SiteGraph, layouts: ReadonlyMap<string, Layout | null>, tensor: string): Layout | null {
  const own = layouts.get(tensor) ?? null;
  if (!layouts.has(tensor) || (own !== null && !own.flat().some(isUnknownAtom))) return own;
  const shape = shapeOf(graph, tensor);
  for (const at of shape === null ? [] : (graph.index.consumersOf.get(tensor) ?? [])) {
    const node = nodeAt(graph.index.graph, at);
    const sum = layouts.get(node.output[0] ?? '') ?? null;
    const made = shapeOf(graph, node.output[0] ?? '');
    const alike = made?.length === shape?.length && made?.every((size, i) => size === shape?.[i]);
    if (node.opType !== 'Add' || sum === null || alike !== true) continue;
    const met = broadcast([own ?? sum, sum]);
    if (!met.flat().some(isUnknownAtom)) return met;
  }
  return own;
}

/** Whether a layout has every row and position of the ids once, and nothing of it is unknown. */
export function holdsTokens(layout: Layout, { batch, pos }: TokenAxes['ids']): boolean {
  const tokens = layout.flat().filter((one) => isToken(one) || isUnknownAtom(one));
  const has = (root: string, size: Dim): boolean => size === 1 || tokens.some(({ label }) => rootOf(label) === root);
  return (
    has('batch', batch) && has('pos', pos) && tokens.every(({ label }) => ['batch', 'pos'].includes(rootOf(label)))
  );
}

/** The tokens' axes of a layout in one text, to compare two layouts by. */
export function tokenText(layout: Layout): string {
  return layout
    .map((axis) =>
      axis
        .filter(isToken)
        .map(({ label }) => rootOf(label).replace('key', 'pos').replace('!', ''))
        .filter((root, i, all) => root !== all[i - 1])
        .join('·'),
    )
    .join(' ');
}
