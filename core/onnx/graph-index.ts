// Who makes and who reads each tensor of a graph. Refuses graphs that are not in order or name a tensor twice, because
// every pass here relies on both. Sees the top level only; what subgraphs read from outside counts as read by their node.
import { InputError } from '../../schemas/errors.js';
import type { GraphProto, NodeProto, TensorProto } from './proto.js';

export interface GraphIndex {
  readonly graph: GraphProto;
  /** Node that makes a tensor, by tensor name. */
  readonly producerOf: ReadonlyMap<string, number>;
  /** Nodes that read a tensor (also inside their subgraphs), ascending, each once. */
  readonly consumersOf: ReadonlyMap<string, readonly number[]>;
  readonly initializers: ReadonlyMap<string, TensorProto>;
  /** Names of graph inputs that no initializer fills. */
  readonly inputs: ReadonlySet<string>;
}

/** Producers, consumers, initializers and true inputs of a graph. @throws InputError where it is not ordered or not SSA. */
export function indexGraph(graph: GraphProto): GraphIndex {
  const initializers = new Map(graph.initializer.map((tensor) => [tensor.name ?? '', tensor]));
  const inputs = new Set(
    graph.input.map((info) => info.name ?? '').filter((name) => !initializers.has(name)),
  );
  const producerOf = new Map<string, number>();
  const consumersOf = new Map<string, number[]>();
  graph.node.forEach((node, index) => {
    for (const name of new Set(readNames(node))) {
      const readers = consumersOf.get(name);
      if (readers) readers.push(index);
      else consumersOf.set(name, [index]);
      if (!producerOf.has(name) && !initializers.has(name) && !inputs.has(name))
        throw unknownTensor(node, name);
    }
    for (const name of node.output) {
      if (name === '') continue;
      if (producerOf.has(name) || initializers.has(name) || inputs.has(name))
        throw madeTwice(node, name);
      producerOf.set(name, index);
    }
  });
  return { graph, producerOf, consumersOf, initializers, inputs };
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
    for (const subgraph of attribute.g ? [attribute.g, ...attribute.graphs] : attribute.graphs) {
      names.push(...capturedNames(subgraph));
    }
  }
  return names;
}

/** Names that a subgraph uses without defining them. */
export function capturedNames(subgraph: GraphProto): string[] {
  const own = new Set<string>();
  for (const info of subgraph.input) own.add(info.name ?? '');
  for (const tensor of subgraph.initializer) own.add(tensor.name ?? '');
  const captured: string[] = [];
  const use = (name: string): void => {
    if (name !== '' && !own.has(name)) captured.push(name);
  };
  for (const node of subgraph.node) {
    readNames(node).forEach(use);
    for (const name of node.output) own.add(name);
  }
  for (const info of subgraph.output) use(info.name ?? '');
  return captured;
}

function describe(node: NodeProto): string {
  return `node "${node.name ?? ''}" (${node.opType ?? 'no operator'})`;
}

function unknownTensor(node: NodeProto, tensor: string): InputError {
  return new InputError(
    `Expected every tensor to be made before it is read; ${describe(node)} reads "${tensor}", which no earlier node, ` +
      'input or initializer makes. The file is damaged or not sorted: export it anew.',
    { node: node.name, tensor },
  );
}

function madeTwice(node: NodeProto, tensor: string): InputError {
  return new InputError(
    `Expected every tensor to be made once; ${describe(node)} makes "${tensor}" again. The file is damaged: export it anew.`,
    { node: node.name, tensor },
  );
}
