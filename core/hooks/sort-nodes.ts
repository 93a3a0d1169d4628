// Nodes in an order in which every tensor is made before it is read. Keeps the order of nodes that are in order already.
import { InputError } from '../../schemas/errors.js';
import { readNames } from '../onnx/graph-index.js';
import type { NodeProto } from '../onnx/proto.js';

/** The nodes, each after those that it reads from. @throws InputError for a circle, with a node on it */
export function sortNodes(nodes: readonly NodeProto[]): NodeProto[] {
  const makerOf = new Map<string, number>();
  nodes.forEach((node, i) => {
    for (const name of node.output) if (name !== '') makerOf.set(name, i);
  });
  const needs = nodes.map((node) =>
    readNames(node).flatMap((name) => {
      const maker = makerOf.get(name);
      return maker === undefined ? [] : [maker];
    }),
  );
  const ordered: NodeProto[] = [];
  const state = new Uint8Array(nodes.length);
  for (let start = 0; start < nodes.length; start++) {
    const pending = [start];
    for (let at = pending.at(-1); at !== undefined; at = pending.at(-1)) {
      if (state[at] === 0) {
        state[at] = 1;
        for (const need of needs[at] ?? []) {
          if (state[need] === 1) throw circle(nodes[need] as NodeProto);
          if (state[need] === 0) pending.push(need);
        }
        continue;
      }
      if (state[at] === 1) ordered.push(nodes[at] as NodeProto);
      state[at] = 2;
      pending.pop();
    }
  }
  return ordered;
}

function circle(node: NodeProto): InputError {
  const name = node.output[0] ?? '';
  return new InputError(
    `Expected an edit to read only what is computed before its site, found a circle through "${name}" (${node.opType ?? ''}). Take the value from another run.`,
    { tensor: name, operator: node.opType },
  );
}
