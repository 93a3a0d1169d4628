// Names in a graph.
import type { GraphProto } from './proto.js';

/** Adds every name of a graph and of the graphs inside it. */
export function claimNames(graph: GraphProto, names: Set<string>): void {
  for (const { name } of [...graph.input, ...graph.initializer]) names.add(name ?? '');
  for (const node of graph.node) {
    names.add(node.name ?? '');
    for (const output of node.output) names.add(output);
    for (const { g, graphs } of node.attribute)
      for (const inner of g ? [g, ...graphs] : graphs) claimNames(inner, names);
  }
}
