// Weights that lie in other files: lists what a model refers to, and gives the references new locations. Reads no file.
import { InputError } from '../../schemas/errors.js';
import type { AttributeProto, GraphProto, ModelProto, TensorProto } from './proto.js';

/** TensorProto.DataLocation. */
const EXTERNAL = 1;

export interface ExternalReference {
  readonly tensor: string;
  /** As the file names it, relative to the model's folder. */
  readonly location: string;
  readonly offset: number;
  /** Bytes; null where the file does not say (then to the end). */
  readonly length: number | null;
}

/** Every reference to external data in a model, subgraphs and constants included. @throws InputError where one is malformed */
export function externalReferences(model: ModelProto): ExternalReference[] {
  const found: ExternalReference[] = [];
  mapTensors(model, (tensor) => {
    if (tensor.dataLocation === EXTERNAL) found.push(referenceOf(tensor));
    return tensor;
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

function mapTensors(model: ModelProto, change: (tensor: TensorProto) => TensorProto): ModelProto {
  return model.graph === undefined ? model : { ...model, graph: mapGraph(model.graph, change) };
}

function mapGraph(graph: GraphProto, change: (tensor: TensorProto) => TensorProto): GraphProto {
  const initializer = graph.initializer.map(change);
  const node = graph.node.map((n) =>
    n.attribute.some(holdsTensors)
      ? { ...n, attribute: n.attribute.map((attribute) => mapAttribute(attribute, change)) }
      : n,
  );
  return { ...graph, initializer, node };
}

function mapAttribute(
  attribute: AttributeProto,
  change: (tensor: TensorProto) => TensorProto,
): AttributeProto {
  return {
    ...attribute,
    ...(attribute.t && { t: change(attribute.t) }),
    ...(attribute.g && { g: mapGraph(attribute.g, change) }),
    tensors: attribute.tensors.map(change),
    graphs: attribute.graphs.map((graph) => mapGraph(graph, change)),
  };
}

function holdsTensors({ t, g, tensors, graphs }: AttributeProto): boolean {
  return t !== undefined || g !== undefined || tensors.length + graphs.length > 0;
}

function referenceOf(tensor: TensorProto): ExternalReference {
  const value = (key: string): string | undefined =>
    tensor.externalData.find((entry) => entry.key === key)?.value;
  const location = value('location') ?? '';
  const offset = Number(value('offset') ?? 0);
  const stated = value('length');
  const length = stated === undefined ? null : Number(stated);
  const fine = Number.isSafeInteger(offset) && offset >= 0 && (length === null || (Number.isSafeInteger(length) && length >= 0)); // prettier-ignore
  if (location !== '' && fine) return { tensor: tensor.name ?? '', location, offset, length };
  throw new InputError(
    `Expected location, offset and length of external weights, tensor "${tensor.name ?? ''}" has location "${location}", offset ${value('offset') ?? 'none'}, length ${stated ?? 'none'}. Export the model anew.`,
    { tensor: tensor.name, location },
  );
}
