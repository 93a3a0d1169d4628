// Who makes and who reads each tensor of a graph. Refuses graphs that are not in order or name a tensor twice, because
// every pass here relies on both. Sees the top level only; what subgraphs read from outside counts as read by their node.
import { InputError } from '../../schemas/errors.js';
import type { GraphProto, NodeProto, TensorProto, ValueInfoProto } from './proto.js';
import { shownName } from './shown-name.js';

export interface GraphIndex {
  readonly graph: GraphProto;
  /** Node that makes a tensor, by tensor name. */
  readonly producerOf: ReadonlyMap<string, number>;
  /** Nodes that read a tensor (also inside their subgraphs), ascending, each once. */
  readonly consumersOf: ReadonlyMap<string, readonly number[]>;
  readonly initializers: ReadonlyMap<string, TensorProto>;
  /** Names of graph inputs that no initializer fills. */
  readonly inputs: ReadonlySet<string>;
  /** What the file declares of a tensor: as input, else as output, else as value info. */
  readonly declarations: ReadonlyMap<string, ValueInfoProto>;
}

/** Producers, consumers, initializers and true inputs of a graph. @throws InputError where it is not ordered or not SSA. */
export function indexGraph(graph: GraphProto): GraphIndex {
  const initializers = namedOnce('initializer', graph.initializer);
  const declared = namedOnce('input', graph.input);
  const inputs = new Set([...declared.keys()].filter((name) => !initializers.has(name)));
  const declarations = new Map(declared);
  for (const info of [...graph.output, ...graph.valueInfo]) {
    if (!declarations.has(info.name ?? '')) declarations.set(info.name ?? '', info);
  }
  const producerOf = new Map<string, number>();
  const consumersOf = new Map<string, number[]>();
  graph.node.forEach((node, index) => {
    for (const name of new Set(readNames(node))) {
      const readers = consumersOf.get(name);
      if (readers) readers.push(index);
      else consumersOf.set(name, [index]);
      if (!producerOf.has(name) && !initializers.has(name) && !inputs.has(name)) throw unknownTensor(node, name);
    }
    for (const name of node.output) {
      if (name === '') continue;
      if (producerOf.has(name) || initializers.has(name) || inputs.has(name)) throw madeTwice(node, name);
      producerOf.set(name, index);
    }
  });
  return { graph, producerOf, consumersOf, initializers, inputs, declarations };
}

function namedOnce<T extends { readonly name?: string }>(what: string, items: readonly T[]): Map<string, T> {
  const found = new Map<string, T>();
  for (const item of items) {
    const name = item.name ?? '';
    if (found.has(name)) throw namedTwice(what, name);
    found.set(name, item);
  }
  return found;
}

/** Node `index` of the graph. */
export function nodeAt(graph: GraphProto, index: number): NodeProto {
  const node = graph.node[index];
  if (node === undefined)
    throw new InputError(`Expected a node at ${index}, found ${graph.node.length} nodes.`, {
      index,
    });
  return node;
}

/** Outer tensors that a node reads: its inputs, and names that its subgraphs take from outside. Empty names are left out. */
export function readNames(node: NodeProto): string[] {
  const names = node.input.filter((name) => name !== '');
  for (const attribute of node.attribute) {
    if (attribute.g) for (const name of capturedNames(attribute.g)) names.push(name);
    for (const subgraph of attribute.graphs) for (const name of capturedNames(subgraph)) names.push(name);
  }
  return names;
}

/** Names that a subgraph uses without defining them, each once. */
export function capturedNames(subgraph: GraphProto): string[] {
  const own = new Set<string>();
  for (const info of subgraph.input) own.add(info.name ?? '');
  for (const tensor of subgraph.initializer) own.add(tensor.name ?? '');
  const captured = new Set<string>();
  const use = (name: string): void => {
    if (name !== '' && !own.has(name)) captured.add(name);
  };
  for (const node of subgraph.node) {
    readNames(node).forEach(use);
    for (const name of node.output) own.add(name);
  }
  for (const info of subgraph.output) use(info.name ?? '');
  return [...captured];
}

function describe(node: NodeProto): string {
  return `node "${shownName(node.name ?? '')}" (${shownName(node.opType ?? 'no operator')})`;
}

function unknownTensor(node: NodeProto, tensor: string): InputError {
  return new InputError(
    `Expected every tensor to be made before it is read; ${describe(node)} reads "${shownName(tensor)}", which no earlier node, ` +
      'input or initializer makes. The file is damaged or not sorted: export it anew.',
    { node: shownName(node.name ?? ''), tensor: shownName(tensor) },
  );
}

function madeTwice(node: NodeProto, tensor: string): InputError {
  return new InputError(
    `Expected every tensor to be made once; ${describe(node)} makes "${shownName(tensor)}" again. The file is damaged: export it anew.`,
    { node: shownName(node.name ?? ''), tensor: shownName(tensor) },
  );
}

function namedTwice(what: string, name: string): InputError {
  return new InputError(
    `Expected every ${what} to have a name of its own, found two called "${shownName(name)}". The file is damaged: export it anew.`,
    { tensor: shownName(name) },
  );
}
