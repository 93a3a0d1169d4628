// Lets the readers of a tensor read another one. Producers and declared outputs keep their names.
// requires: the new tensors exist before every reader. ensures: no node, also inside subgraphs, reads a renamed tensor.
import type { GraphProto, NodeProto } from '../proto.js';
import { mapBodies } from './map-nodes.js';

/** Old name → new name. */
export type Renames = ReadonlyMap<string, string>;

/** The graph whose nodes read the new names. */
export function renameConsumers(graph: GraphProto, renames: Renames): GraphProto {
  if (renames.size === 0) return graph;
  return { ...graph, node: graph.node.map((node) => renameReads(node, renames)) };
}

/**
 * The node with its inputs renamed.
 * 1. Inputs. 2. What its subgraphs read from outside: a name that a subgraph defines itself is another tensor.
 */
export function renameReads(node: NodeProto, renames: Renames): NodeProto {
  const renamed = mapBodies(node, (body) => renameInBody(body, renames));
  if (!node.input.some((name) => renames.has(name))) return renamed;
  return { ...renamed, input: node.input.map((name) => renames.get(name) ?? name) };
}

function renameInBody(body: GraphProto, renames: Renames): GraphProto {
  const own = [
    ...body.input.map((info) => info.name ?? ''),
    ...body.initializer.map((tensor) => tensor.name ?? ''),
    ...body.node.flatMap((node) => node.output),
  ];
  const visible = new Map(renames);
  for (const name of own) visible.delete(name);
  if (visible.size === 0) return body;
  const node = body.node.map((inner) => renameReads(inner, visible));
  const output = body.output.map((info) => {
    const name = visible.get(info.name ?? '');
    return name === undefined ? info : { ...info, name };
  });
  const same = node.every((made, i) => made === body.node[i]) && output.every((made, i) => made === body.output[i]);
  return same ? body : { ...body, node, output };
}
