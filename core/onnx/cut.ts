// Dead-code elimination: the part of a model that the wanted tensors need, with exactly these as outputs.
// requires: an ordered single-assignment graph (index checks it). ensures: every kept node is needed by an output;
// functions, metadata and unknown fields stay. Source of the need: ORT runs every node, wanted or not.
import { InputError } from '../../schemas/errors.js';
import { DATA_TYPE, type DataTypeName } from './data-type.js';
import { indexGraph, nodeAt, readNames, type GraphIndex } from './graph-index.js';
import { makeNode, makeValueInfo } from './make.js';
import { constantTensor } from './tensor-values.js';
import type { GraphProto, ModelProto, NodeProto, ValueInfoProto } from './proto.js';
import { shownName } from './shown-name.js';

/** A tensor to make an output. `castTo` appends a Cast; the output is then called `<tensor>/<castTo>`. */
export interface WantedTensor {
  readonly tensor: string;
  readonly castTo?: DataTypeName;
}

export interface CutModel {
  readonly model: ModelProto;
  /** Names of the outputs, in the order wanted. */
  readonly outputs: readonly string[];
  /** Graph inputs that the outputs need. */
  readonly inputs: readonly string[];
}

/**
 * The model cut to the wanted tensors.
 * 1. Walk back from them over producers and over what subgraphs capture. 2. Keep the nodes met, in order, and only
 * initializers, inputs and value infos that these read. 3. Declare the outputs; an output whose element type neither the
 * file nor its operators tell is declared without a type, which ORT infers.
 * @throws InputError for a tensor that the graph does not make, and for a damaged graph.
 */
export function cutToTensors(model: ModelProto, wanted: readonly WantedTensor[]): CutModel {
  const graph = graphOf(model);
  const index = indexGraph(graph);
  for (const { tensor } of wanted) {
    if (!index.producerOf.has(tensor)) {
      throw new InputError(
        `Expected a tensor that a node of the model makes, found none called "${shownName(tensor)}".`,
        { tensor: shownName(tensor) },
      );
    }
  }
  const { nodes, tensors } = neededBy(
    index,
    wanted.map((w) => w.tensor),
  );
  const kept: NodeProto[] = graph.node.filter((_, i) => nodes.has(i));
  const outputs = new Map<string, ValueInfoProto>();
  const names = wanted.map(({ tensor, castTo }) => {
    const name = castTo === undefined ? tensor : `${tensor}/${castTo}`;
    if (castTo === undefined) outputs.set(name, declaration(index, tensor));
    else if (!outputs.has(name)) {
      kept.push(
        makeNode('Cast', {
          input: [tensor],
          output: [name],
          attributes: { to: DATA_TYPE[castTo] },
        }),
      );
      outputs.set(name, makeValueInfo(name, castTo));
    }
    return name;
  });
  const isNeeded = (item: { readonly name?: string }): boolean => tensors.has(item.name ?? '');
  const input = graph.input.filter(isNeeded);
  const { quantizationAnnotation, ...rest } = graph;
  const annotations = quantizationAnnotation?.filter((a) => tensors.has(a.tensorName ?? ''));
  const cut: GraphProto = {
    ...rest,
    ...(annotations && { quantizationAnnotation: annotations }),
    node: kept,
    initializer: graph.initializer.filter(isNeeded),
    input,
    output: [...outputs.values()],
    valueInfo: graph.valueInfo.filter((info) => isNeeded(info) && !outputs.has(info.name ?? '')),
  };
  const inputs = input.map((info) => info.name ?? '').filter((name) => index.inputs.has(name));
  return { model: { ...model, graph: cut }, outputs: names, inputs };
}

/** The graph of a model that decodeModel returned. */
export function graphOf(model: ModelProto): GraphProto {
  if (model.graph === undefined) throw new InputError('Expected a model with a graph, found none.');
  return model.graph;
}

/** Nodes and tensors that the given tensors depend on, themselves included. */
export function neededBy(index: GraphIndex, wanted: readonly string[]): { nodes: Set<number>; tensors: Set<string> } {
  const nodes = new Set<number>();
  const tensors = new Set<string>();
  const pending = [...wanted];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (tensors.has(name)) continue;
    tensors.add(name);
    const producer = index.producerOf.get(name);
    if (producer === undefined || nodes.has(producer)) continue;
    nodes.add(producer);
    const node = nodeAt(index.graph, producer);
    for (const read of readNames(node)) pending.push(read);
    for (const output of node.output) if (output !== '') tensors.add(output);
  }
  return { nodes, tensors };
}

/** Operators whose first output has the element type of their first input. */
const KEEPS_TYPE = new Set([
  'Add',
  'Sub',
  'Mul',
  'Div',
  'Neg',
  'Identity',
  'Reshape',
  'Transpose',
  'Unsqueeze',
  'Squeeze',
  'Gather',
  'MatMul',
  'Gemm',
  'LayerNormalization',
  'SimplifiedLayerNormalization',
  'RMSNormalization',
  'SkipLayerNormalization',
  'SkipSimplifiedLayerNormalization',
  'Softmax',
  'Dropout',
  'Relu',
  'Gelu',
  'Erf',
  'Tanh',
  'Sigmoid',
  'Pow',
  'Sqrt',
  'Slice',
  'Concat',
  'Expand',
  'Split',
  'ReduceMean',
  'ReduceSum',
]);

/** Answers of `elementType` by index, so that long chains of operators are walked once. */
const KNOWN_TYPES = new WeakMap<GraphIndex, Map<string, number | null>>();

/** The element type of a tensor as far as declarations and operators tell; null where they do not. */
export function elementType(index: GraphIndex, tensor: string): number | null {
  let known = KNOWN_TYPES.get(index);
  if (known === undefined) KNOWN_TYPES.set(index, (known = new Map<string, number | null>()));
  const walked: string[] = [];
  for (let current = tensor; ;) {
    let type = known.get(current);
    if (type === undefined) {
      walked.push(current);
      const next = typeOrSource(index, current);
      if (typeof next === 'string') {
        current = next;
        continue;
      }
      type = next;
    }
    for (const name of walked) known.set(name, type);
    return type;
  }
}

/** The type of a tensor, or the name of a tensor that has the same type, or null. */
function typeOrSource(index: GraphIndex, tensor: string): number | string | null {
  const declared = index.declarations.get(tensor)?.type?.tensorType?.elemType;
  const type = declared ?? constantTensor(index, tensor)?.dataType ?? 0;
  if (type !== 0) return type;
  const producer = index.producerOf.get(tensor);
  if (producer === undefined) return null;
  const node = nodeAt(index.graph, producer);
  if (node.opType === 'Cast') return Number(node.attribute.find((a) => a.name === 'to')?.i ?? 0) || null;
  return KEEPS_TYPE.has(node.opType ?? '') ? (node.input[0] ?? '') : null;
}

function declaration(index: GraphIndex, tensor: string): ValueInfoProto {
  const declared = index.declarations.get(tensor);
  if (declared) return declared;
  const elemType = elementType(index, tensor);
  return {
    name: tensor,
    ...(elemType !== null && { type: { tensorType: { elemType } } }),
    metadataProps: [],
  };
}
