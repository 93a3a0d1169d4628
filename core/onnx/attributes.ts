// A node's attributes by name, each read as the kind that the operator expects. Converts nothing else and checks no names.
import type { Attributes } from './operators/operator.js';
import type { AttributeProto, NodeProto } from './proto.js';

const text = new TextDecoder();

/** The attributes of a node; an absent one reads as the operator's default. */
export function readAttributes(node: NodeProto): Attributes {
  const byName = new Map<string, AttributeProto>();
  for (const attribute of node.attribute) byName.set(attribute.name ?? '', attribute);
  const find = (name: string): AttributeProto | undefined => {
    const attribute = byName.get(name);
    // A reference to a function's attribute has no value of its own.
    return attribute?.refAttrName ? undefined : attribute;
  };
  return {
    int: (name, otherwise) => {
      const attribute = find(name);
      return attribute ? Number(attribute.i ?? 0) : otherwise;
    },
    ints: (name) => find(name)?.ints.map(Number) ?? null,
    float: (name, otherwise) => {
      const attribute = find(name);
      return attribute ? (attribute.f ?? 0) : otherwise;
    },
    text: (name, otherwise) => {
      const attribute = find(name);
      return attribute ? text.decode(attribute.s ?? new Uint8Array()) : otherwise;
    },
    has: (name) => find(name) !== undefined,
    raw: (name) => find(name) ?? null,
  };
}
