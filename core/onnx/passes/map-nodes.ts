// Rewrites nodes one by one, also inside the bodies of control flow. What a pass leaves alone stays the same object.
import type { AttributeProto, GraphProto, NodeProto } from '../proto.js';

/** The graph with every node, those of subgraphs first, replaced by what `change` makes of it. */
export function mapNodes(graph: GraphProto, change: (node: NodeProto) => NodeProto): GraphProto {
  const node = graph.node.map((old) => change(mapBodies(old, (body) => mapNodes(body, change))));
  return node.some((made, i) => made !== graph.node[i]) ? { ...graph, node } : graph;
}

/** The node with every body replaced by what `change` makes of it. */
export function mapBodies(node: NodeProto, change: (body: GraphProto) => GraphProto): NodeProto {
  if (!node.attribute.some(hasBody)) return node;
  const attribute = node.attribute.map((old) => {
    if (!hasBody(old)) return old;
    const g = old.g && change(old.g);
    const graphs = old.graphs.map(change);
    const same = g === old.g && graphs.every((body, i) => body === old.graphs[i]);
    return same ? old : { ...old, ...(g && { g }), graphs };
  });
  return attribute.some((made, i) => made !== node.attribute[i]) ? { ...node, attribute } : node;
}

function hasBody({ g, graphs }: AttributeProto): boolean {
  return g !== undefined || graphs.length > 0;
}

/** Every name in a graph and in the graphs inside it: tensors and nodes. */
export function namesOf(graph: GraphProto, names = new Set<string>()): Set<string> {
  for (const { name } of [...graph.input, ...graph.initializer]) names.add(name ?? '');
  for (const node of graph.node) {
    names.add(node.name ?? '');
    for (const output of node.output) names.add(output);
    for (const { g, graphs } of node.attribute) for (const body of g ? [g, ...graphs] : graphs) namesOf(body, names);
  }
  return names;
}

/** `hint`, or with a number behind it where that is taken; the name is then taken. */
export function freshName(hint: string, names: Set<string>): string {
  let name = hint;
  for (let i = 1; name === '' || names.has(name); i++) name = `${hint}_${i}`;
  names.add(name);
  return name;
}
