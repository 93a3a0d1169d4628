// Visits every node and every stored tensor of a model, wherever they lie: graphs, subgraphs, functions, training graphs, sparse
// tensors. What a file can hide from this walk, checks cannot see.
import type { AttributeProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto } from './proto.js';

export interface ModelVisitor {
  readonly node?: (node: NodeProto) => void;
  readonly tensor?: (tensor: TensorProto) => void;
  readonly graph?: (graph: GraphProto) => void;
}

/** Calls the visitor for everything in the model, in file order. */
export function walkModel(model: ModelProto, visitor: ModelVisitor): void {
  if (model.graph) walkGraph(model.graph, visitor);
  for (const { initialization, algorithm } of model.trainingInfo ?? []) {
    if (initialization) walkGraph(initialization, visitor);
    if (algorithm) walkGraph(algorithm, visitor);
  }
  for (const { node, attributeProto } of model.functions) {
    for (const inner of node) walkNode(inner, visitor);
    for (const attribute of attributeProto) walkAttribute(attribute, visitor);
  }
}

/** Calls the visitor for a node and for everything inside its attributes. */
export function walkNode(node: NodeProto, visitor: ModelVisitor): void {
  visitor.node?.(node);
  for (const attribute of node.attribute) walkAttribute(attribute, visitor);
}

function walkGraph(graph: GraphProto, visitor: ModelVisitor): void {
  visitor.graph?.(graph);
  for (const tensor of graph.initializer) visitor.tensor?.(tensor);
  for (const sparse of graph.sparseInitializer ?? []) walkSparse(sparse, visitor);
  for (const node of graph.node) walkNode(node, visitor);
}

function walkAttribute(attribute: AttributeProto, visitor: ModelVisitor): void {
  const { t, g, tensors, graphs, sparseTensor, sparseTensors } = attribute;
  if (t) visitor.tensor?.(t);
  for (const tensor of tensors) visitor.tensor?.(tensor);
  if (sparseTensor) walkSparse(sparseTensor, visitor);
  for (const sparse of sparseTensors ?? []) walkSparse(sparse, visitor);
  if (g) walkGraph(g, visitor);
  for (const graph of graphs) walkGraph(graph, visitor);
}

function walkSparse({ values, indices }: SparseTensorProto, visitor: ModelVisitor): void {
  if (values) visitor.tensor?.(values);
  if (indices) visitor.tensor?.(indices);
}
