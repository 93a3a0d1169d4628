// Drops what no output of a graph needs. requires: an ordered single-assignment graph. ensures: declared outputs are untouched.
import { neededBy } from '../cut.js';
import { indexGraph } from '../graph-index.js';
import type { GraphProto } from '../proto.js';

/** The graph with only the nodes, initializers and value infos that its outputs need; declared inputs stay unless told. */
export function pruneGraph(graph: GraphProto, inputs: 'keep' | 'drop' = 'keep'): GraphProto {
  const outputs = graph.output.map((info) => info.name ?? '');
  const { nodes, tensors } = neededBy(indexGraph(graph), outputs);
  const needed = ({ name = '' }: { readonly name?: string }): boolean => tensors.has(name);
  return {
    ...graph,
    node: graph.node.filter((_, i) => nodes.has(i)),
    initializer: graph.initializer.filter(needed),
    input: inputs === 'keep' ? graph.input : graph.input.filter(needed),
    valueInfo: graph.valueInfo.filter(needed),
  };
}
