// The part of a graph that carries values from one tensor to another, and its dominator chain: the nodes through which every
// path passes. Mask, position and shape plumbing is left out, because it does not come from the first tensor.
//
// Symbols: D = nodes reachable from the tensor s without crossing Shape, intersected with those the tensor t needs;
// idom(n) = the last node before n that lies on every path s → n; chain = … idom(idom(n_t)), idom(n_t), n_t (the maker of t).
// How they are found: core/onnx/dominators.ts.
import { DominatorTree } from '../onnx/dominators.js';
import { nodeAt, readNames, type GraphIndex } from '../onnx/graph-index.js';
import type { NodeProto } from '../onnx/proto.js';

/** One link of the dominator chain. */
export interface ChainLink {
  readonly node: NodeProto;
  readonly index: number;
  /** Its output that the path goes on with. */
  readonly tensor: string;
  /** The tensor of the link before it, or the path's start. */
  readonly from: string;
  /** Nodes between the link before and this one, this one left out, in graph order. */
  readonly region: readonly NodeProto[];
}

export interface DataPath {
  readonly start: string;
  readonly end: string;
  /** From the first node after the start that every path passes to the node that makes the end. */
  readonly chain: readonly ChainLink[];
  /** Nodes on any path. */
  readonly nodes: readonly number[];
  /** Whether a tensor is the start or is made on the path. */
  readonly isData: (tensor: string) => boolean;
}

/** Operators whose results tell of shapes and not of values. */
const SHAPE_OPERATORS = new Set(['Shape', 'Size']);

/** The paths from tensor `start` to tensor `end`; null where there is none. */
export function pathBetween(index: GraphIndex, start: string, end: string): DataPath | null {
  const nodes = nodesBetween(index, start, end);
  const target = nodes?.at(-1);
  if (nodes === null || target === undefined) return null;
  const root = index.producerOf.get(start) ?? -1;
  const idom = immediateDominators(index, { nodes, start, root });
  const chain: number[] = [];
  for (let at = target; at !== root; at = idom.get(at) ?? root) chain.push(at);
  const onPath = new Set(nodes);
  const isData = (tensor: string): boolean => tensor === start || onPath.has(index.producerOf.get(tensor) ?? -1);
  return {
    start,
    end,
    chain: linksOf(index, chain.reverse(), { idom, start, end }),
    nodes,
    isData,
  };
}

/** The nodes on any way from tensor `start` to tensor `end`, in graph order; null where there is none. */
export function nodesBetween(index: GraphIndex, start: string, end: string): readonly number[] | null {
  const target = index.producerOf.get(end);
  if (start === end || target === undefined) return null;
  const nodes = forwardFrom(index, start, neededFor(index, target, index.producerOf.get(start) ?? -1));
  return nodes.at(-1) === target ? nodes : null;
}

/** Nodes after `root` whose values node `target` depends on, itself included, ascending. */
function neededFor(index: GraphIndex, target: number, root: number): number[] {
  const found = new Set([target]);
  for (const at of found) {
    const node = nodeAt(index.graph, at);
    if (SHAPE_OPERATORS.has(node.opType ?? '')) continue;
    for (const tensor of readNames(node)) {
      const producer = index.producerOf.get(tensor);
      if (producer !== undefined && producer > root) found.add(producer);
    }
  }
  return [...found].sort((a, b) => a - b);
}

/** Those of the nodes, ascending, that are reached from a tensor without crossing Shape. */
function forwardFrom(index: GraphIndex, start: string, nodes: readonly number[]): number[] {
  const reached = new Set([start]);
  return nodes.filter((at) => {
    const node = nodeAt(index.graph, at);
    if (SHAPE_OPERATORS.has(node.opType ?? '')) return false;
    if (!readNames(node).some((name) => reached.has(name))) return false;
    for (const output of node.output) if (output !== '') reached.add(output);
    return true;
  });
}

/** A number that no node has. */
const NONE = -2;

function immediateDominators(
  index: GraphIndex,
  { nodes, start, root }: { nodes: readonly number[]; start: string; root: number },
): Map<number, number> {
  const tree = new DominatorTree(root);
  for (const at of nodes) {
    const producers = readNames(nodeAt(index.graph, at)).map((tensor) => {
      if (tensor === start) return root;
      const producer = index.producerOf.get(tensor) ?? NONE;
      return producer === root ? NONE : producer;
    });
    tree.add(at, producers);
  }
  return new Map(tree.entries());
}

function linksOf(
  index: GraphIndex,
  dominators: readonly number[],
  path: { idom: ReadonlyMap<number, number>; start: string; end: string },
): ChainLink[] {
  const read = new Set([...path.idom.keys()].flatMap((at) => readNames(index.graph.node[at] ?? NOTHING)));
  const used = (at: number): string[] =>
    nodeAt(index.graph, at).output.filter((name) => name === path.end || read.has(name));
  // A node that hands on several tensors (Split) is passed by every path, but no one tensor of it is.
  const chain = dominators.filter((at, i) => i === dominators.length - 1 || used(at).length === 1);
  const position = new Map(chain.map((node, i) => [node, i]));
  /** Position of the last chain node at or above a node in the dominator tree; map order is topological. */
  const above = new Map<number, number>();
  const regions: NodeProto[][] = chain.map(() => []);
  for (const [node, dominator] of path.idom) {
    if (node === dominator) continue;
    const own = position.get(node);
    const at = own ?? above.get(dominator) ?? -1;
    above.set(node, at);
    if (own === undefined) regions[at + 1]?.push(nodeAt(index.graph, node));
  }
  let from = path.start;
  return chain.map((at, i) => {
    const tensor = i === chain.length - 1 ? path.end : (used(at)[0] ?? '');
    const link = {
      node: nodeAt(index.graph, at),
      index: at,
      tensor,
      from,
      region: regions[i] ?? [],
    };
    from = tensor;
    return link;
  });
}

const NOTHING: NodeProto = { input: [], output: [], attribute: [], metadataProps: [] };
