// The part of a graph that carries activations from the token embedding to the output, and its dominator chain: the nodes
// through which every path passes. Mask, position and shape plumbing is left out, because it does not come from the embedding.
//
// Symbols: D = nodes reachable from the embedding e without crossing Shape, intersected with those the output needs;
// idom(n) = the last node before n that lies on every path e → n; chain = e … idom(idom(out)), idom(out), out.
// Source: immediate dominators of a DAG in topological order, Cooper, Harvey and Kennedy 2001, section 3 (one pass suffices).
import { InputError } from '../../schemas/errors.js';
import { nodeAt, readNames, type GraphIndex } from '../onnx/graph-index.js';
import type { NodeProto } from '../onnx/proto.js';

/** One link of the dominator chain. */
export interface ChainLink {
  readonly node: NodeProto;
  readonly index: number;
  /** Nodes between the link before and this one, this one left out. */
  readonly region: readonly NodeProto[];
}

export interface DataPath {
  /** From the embedding to the node that makes the output. */
  readonly chain: readonly ChainLink[];
  /** Whether a tensor is made on the path. */
  readonly isData: (tensor: string) => boolean;
}

/** Operators whose results tell of shapes and not of values. */
const SHAPE_OPERATORS = new Set(['Shape', 'Size']);

/** The path from node `embedding` to the tensor `output`. @throws InputError where there is none. */
export function tracePath(index: GraphIndex, embedding: number, output: string): DataPath {
  const target = index.producerOf.get(output);
  const reached = forwardFrom(index, embedding);
  if (target === undefined || !reached.has(target)) {
    throw new InputError(
      `Expected the output "${output}" to be computed from the token embedding, found no path between them. Export the model with its logits as output.`,
      { output },
    );
  }
  const onPath = backwardFrom(index, target, reached);
  const idom = immediateDominators(index, onPath, embedding);
  const chain: number[] = [];
  for (let at = target; at !== embedding; at = idom.get(at) ?? embedding) chain.push(at);
  chain.push(embedding);
  chain.reverse();
  const isData = (tensor: string): boolean => {
    const producer = index.producerOf.get(tensor);
    return producer !== undefined && onPath.has(producer);
  };
  return { chain: withRegions(index, chain, idom), isData };
}

function forwardFrom(index: GraphIndex, start: number): Set<number> {
  const reached = new Set([start]);
  // Nodes are in topological order and a set iterates over what is added meanwhile.
  for (const at of reached) {
    const node = nodeAt(index.graph, at);
    if (SHAPE_OPERATORS.has(node.opType ?? '')) continue;
    for (const tensor of node.output) {
      for (const consumer of index.consumersOf.get(tensor) ?? []) reached.add(consumer);
    }
  }
  return reached;
}

/** Nodes of `within` that `target` depends on, in graph order. */
function backwardFrom(
  index: GraphIndex,
  target: number,
  within: ReadonlySet<number>,
): ReadonlySet<number> {
  const found = new Set([target]);
  for (const at of found) {
    for (const tensor of readNames(nodeAt(index.graph, at))) {
      const producer = index.producerOf.get(tensor);
      if (producer === undefined || !within.has(producer)) continue;
      if (!SHAPE_OPERATORS.has(nodeAt(index.graph, producer).opType ?? '')) found.add(producer);
    }
  }
  return new Set([...found].sort((a, b) => a - b));
}

function immediateDominators(
  index: GraphIndex,
  nodes: ReadonlySet<number>,
  root: number,
): Map<number, number> {
  const idom = new Map([[root, root]]);
  const common = (a: number, b: number): number => {
    let [x, y] = [a, b];
    // Node numbers ascend along every path, so the later one always climbs.
    while (x !== y) {
      if (x > y) x = idom.get(x) ?? root;
      else y = idom.get(y) ?? root;
    }
    return x;
  };
  for (const at of nodes) {
    if (at === root) continue;
    let dominator: number | null = null;
    for (const tensor of readNames(nodeAt(index.graph, at))) {
      const producer = index.producerOf.get(tensor);
      if (producer === undefined || !idom.has(producer)) continue;
      dominator = dominator === null ? producer : common(dominator, producer);
    }
    if (dominator !== null) idom.set(at, dominator);
  }
  return idom;
}

function withRegions(
  index: GraphIndex,
  chain: readonly number[],
  idom: ReadonlyMap<number, number>,
): ChainLink[] {
  const position = new Map(chain.map((node, i) => [node, i]));
  /** Position of the last chain node at or above a node in the dominator tree; map order is topological. */
  const above = new Map<number, number>();
  const regions: NodeProto[][] = chain.map(() => []);
  for (const [node, dominator] of idom) {
    const own = position.get(node);
    const at = own ?? above.get(dominator) ?? 0;
    above.set(node, at);
    if (own === undefined) regions[at + 1]?.push(nodeAt(index.graph, node));
  }
  return chain.map((at, i) => ({
    node: nodeAt(index.graph, at),
    index: at,
    region: regions[i] ?? [],
  }));
}
