// Weights that lie in other files: lists what a model refers to, and gives the references new locations. Reads no file.
import { InputError } from '../../schemas/errors.js';
import type { AttributeProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto } from './proto.js';
import { shownName } from './shown-name.js';
import { storedBytes } from './stored-size.js';
import { walkModel } from './walk.js';

/** TensorProto.DataLocation. */
export const EXTERNAL = 1;

export interface ExternalReference {
  readonly tensor: string;
  /** As the file names it, relative to the model's folder. */
  readonly location: string;
  readonly offset: number;
  /** Bytes, as the file says or as shape and type tell; null where neither does. */
  readonly length: number | null;
}

/**
 * Every reference to external data in a model, also those in subgraphs, functions, training graphs and sparse tensors.
 * @throws InputError where one is malformed or its length is not what shape and type tell
 */
export function externalReferences(model: ModelProto): ExternalReference[] {
  const found: ExternalReference[] = [];
  walkModel(model, {
    tensor: (tensor) => {
      if (tensor.dataLocation === EXTERNAL) found.push(referenceOf(tensor));
    },
  });
  return found;
}

/** The model with every external location replaced by `rename(location)`. */
export function relocate(model: ModelProto, rename: (location: string) => string): ModelProto {
  return mapTensors(model, (tensor) => {
    if (tensor.dataLocation !== EXTERNAL) return tensor;
    const externalData = tensor.externalData.map((entry) =>
      entry.key === 'location' ? { ...entry, value: rename(entry.value ?? '') } : entry,
    );
    return { ...tensor, externalData };
  });
}

/**
 * The model with large stored weights turned into references into the file that they were decoded from, so that ORT maps
 * them from disk instead of copying them. Small tensors stay: ORT reads shapes and constants from them.
 * @param file the bytes that `model` was decoded from, whole
 * @param location name under which ORT finds that file
 */
export function referStoredWeights(
  model: ModelProto,
  { file, location, leastBytes }: { file: Uint8Array; location: string; leastBytes: number },
): ModelProto {
  return mapTensors(model, (tensor) => {
    const { rawData: raw, ...rest } = tensor;
    if (raw === undefined || raw.length < leastBytes || raw.buffer !== file.buffer) return tensor;
    const externalData = [
      { key: 'location', value: location },
      { key: 'offset', value: String(raw.byteOffset - file.byteOffset) },
      { key: 'length', value: String(raw.length) },
    ];
    return { ...rest, dataLocation: EXTERNAL, externalData };
  });
}

type Change = (tensor: TensorProto) => TensorProto;

function mapTensors(model: ModelProto, change: Change): ModelProto {
  const { graph, trainingInfo, functions } = model;
  return {
    ...model,
    ...(graph && { graph: mapGraph(graph, change) }),
    ...(trainingInfo && {
      trainingInfo: trainingInfo.map(({ initialization, algorithm, ...rest }) => ({
        ...rest,
        ...(initialization && { initialization: mapGraph(initialization, change) }),
        ...(algorithm && { algorithm: mapGraph(algorithm, change) }),
      })),
    }),
    functions: functions.map((f) => ({
      ...f,
      node: mapNodes(f.node, change),
      attributeProto: f.attributeProto.map((attribute) => mapAttribute(attribute, change)),
    })),
  };
}

function mapGraph(graph: GraphProto, change: Change): GraphProto {
  const { sparseInitializer } = graph;
  return {
    ...graph,
    initializer: graph.initializer.map(change),
    node: mapNodes(graph.node, change),
    ...(sparseInitializer && {
      sparseInitializer: sparseInitializer.map((sparse) => mapSparse(sparse, change)),
    }),
  };
}

function mapNodes(nodes: readonly NodeProto[], change: Change): NodeProto[] {
  return nodes.map((node) =>
    node.attribute.some(holdsTensors)
      ? { ...node, attribute: node.attribute.map((attribute) => mapAttribute(attribute, change)) }
      : node,
  );
}

function mapAttribute(attribute: AttributeProto, change: Change): AttributeProto {
  if (!holdsTensors(attribute)) return attribute;
  const { t, g, sparseTensor, sparseTensors } = attribute;
  return {
    ...attribute,
    ...(t && { t: change(t) }),
    ...(g && { g: mapGraph(g, change) }),
    ...(sparseTensor && { sparseTensor: mapSparse(sparseTensor, change) }),
    ...(sparseTensors && {
      sparseTensors: sparseTensors.map((sparse) => mapSparse(sparse, change)),
    }),
    tensors: attribute.tensors.map(change),
    graphs: attribute.graphs.map((graph) => mapGraph(graph, change)),
  };
}

function mapSparse({ values, indices, ...rest }: SparseTensorProto, change: Change): SparseTensorProto {
  return {
    ...rest,
    ...(values && { values: change(values) }),
    ...(indices && { indices: change(indices) }),
  };
}

function holdsTensors({ t, g, tensors, graphs, sparseTensor, sparseTensors }: AttributeProto): boolean {
  const single = t ?? g ?? sparseTensor ?? sparseTensors;
  return single !== undefined || tensors.length + graphs.length > 0;
}

/** ONNX Runtime takes tensors of this location from memory, at the address that `offset` gives. */
const MEMORY_MARK = '_ORT_MEM_ADDR_';

function referenceOf(tensor: TensorProto): ExternalReference {
  const entries = new Map(tensor.externalData.map(({ key = '', value = '' }) => [key, value]));
  const location = entries.get('location') ?? '';
  const offset = entries.get('offset') ?? '0';
  const length = entries.get('length') ?? null;
  const numbers = [offset, ...(length === null ? [] : [length])];
  // Readers differ in what they make of repeated keys, signs, spaces and exponents: only what all read alike is taken.
  const fine =
    location !== '' &&
    !location.includes(MEMORY_MARK) &&
    entries.size === tensor.externalData.length &&
    numbers.every((text) => /^\d{1,16}$/.test(text)) &&
    Number.isSafeInteger(Number(offset) + Number(length ?? 0));
  if (!fine) throw malformed(tensor, [location, offset, length ?? 'none']);
  const bytes = storedBytes(tensor);
  const stated = length === null ? bytes : Number(length);
  if (bytes !== null && stated !== bytes)
    throw malformed(tensor, [location, offset, `${stated ?? 'none'} instead of ${bytes} as shape and type tell`]);
  return { tensor: tensor.name ?? '', location, offset: Number(offset), length: stated };
}

function malformed(tensor: TensorProto, found: readonly string[]): InputError {
  const name = shownName(tensor.name ?? '');
  const [location = '', offset = '', length = ''] = found.map(shownName);
  return new InputError(
    `Expected location, offset and length of external weights, tensor "${name}" has location "${location}", offset ${offset}, length ${length}. Export the model anew.`,
    { tensor: name, location },
  );
}
