// Short forms for writing ONNX messages by hand: tensors, nodes, graph inputs, models. Checks nothing; ORT does.
import { DATA_TYPE, type DataTypeName } from './data-type.js';
import type {
  AttributeProto,
  DimensionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  TensorProto,
  ValueInfoProto,
} from './proto.js';

/** AttributeProto.AttributeType. */
export const ATTRIBUTE_TYPE = {
  FLOAT: 1,
  INT: 2,
  STRING: 3,
  TENSOR: 4,
  GRAPH: 5,
  FLOATS: 6,
  INTS: 7,
} as const;

/** An attribute's value; `{ f }` and `{ floats }` mark floats, because 1 and 1.0 are one number in JavaScript. */
export type AttributeValue =
  | number
  | string
  | readonly number[]
  | { readonly f: number }
  | { readonly floats: readonly number[] }
  | TensorProto
  | GraphProto;

type TensorData = Float32Array | Float64Array | BigInt64Array | Int32Array | Uint16Array | Uint8Array | Int8Array;

/** A tensor over the bytes of `data`, without copying. `dtype` is needed where the array does not tell it. */
export function makeTensor(
  name: string,
  { dims, data, dtype }: { dims: readonly number[]; data: TensorData; dtype?: DataTypeName },
): TensorProto {
  const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { ...emptyTensor(name, dims, dtype ?? naturalType(data)), rawData };
}

/** A tensor whose bytes lie in another file, `offset` and `length` in bytes. */
export function makeExternalTensor(
  name: string,
  dims: readonly number[],
  at: { dtype: DataTypeName; location: string; offset: number; length: number },
): TensorProto {
  return {
    ...emptyTensor(name, dims, at.dtype),
    dataLocation: 1,
    externalData: [
      { key: 'location', value: at.location },
      { key: 'offset', value: String(at.offset) },
      { key: 'length', value: String(at.length) },
    ],
  };
}

/** A 1-D int64 tensor, or a scalar for a single number. */
export function makeInt64(name: string, values: number | readonly number[]): TensorProto {
  const scalar = typeof values === 'number';
  const data = BigInt64Array.from(scalar ? [values] : values, BigInt);
  return makeTensor(name, { dims: scalar ? [] : [data.length], data });
}

/** What a node reads, makes and is set to. */
export interface NodeParts {
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  readonly domain?: string;
  readonly name?: string;
}

/** A node; attributes by name. */
export function makeNode(opType: string, parts: NodeParts): NodeProto {
  const { input, output, attributes = {}, name = `${output[0] ?? opType}/node` } = parts;
  const attribute = Object.entries(attributes).map(([key, value]) => makeAttribute(key, value));
  const domain = parts.domain === undefined ? {} : { domain: parts.domain };
  return { input, output, name, opType, attribute, metadataProps: [], ...domain };
}

/** A graph input or output; a string dimension is symbolic, an empty one open; without `dims` the rank is open. */
export function makeValueInfo(name: string, dtype: DataTypeName, dims?: readonly (number | string)[]): ValueInfoProto {
  const shape = dims && {
    shape: { dim: dims.map(makeDimension) },
  };
  return {
    name,
    type: { tensorType: { elemType: DATA_TYPE[dtype], ...shape } },
    metadataProps: [],
  };
}

function makeDimension(dim: number | string): DimensionProto {
  if (typeof dim === 'number') return { dimValue: dim };
  return dim === '' ? {} : { dimParam: dim };
}

/** A graph of the given parts. */
export function makeGraph(parts: {
  name?: string;
  node: readonly NodeProto[];
  input?: readonly ValueInfoProto[];
  output: readonly ValueInfoProto[];
  initializer?: readonly TensorProto[];
}): GraphProto {
  const { name = 'graph', node, input = [], output, initializer = [] } = parts;
  return { node, name, initializer, input, output, valueInfo: [], metadataProps: [] };
}

/** A model with one graph; opset 20 and IR version 10 have the widest kernel coverage. */
export function makeModel(graph: GraphProto, opset = 20): ModelProto {
  return {
    irVersion: 10,
    producerName: 'assay',
    graph,
    opsetImport: [{ domain: '', version: opset }],
    metadataProps: [],
    functions: [],
  };
}

function makeAttribute(name: string, value: AttributeValue): AttributeProto {
  const empty = { name, floats: [], ints: [], strings: [], tensors: [], graphs: [] };
  if (typeof value === 'number') return { ...empty, i: value, type: ATTRIBUTE_TYPE.INT };
  if (typeof value === 'string') return { ...empty, s: new TextEncoder().encode(value), type: ATTRIBUTE_TYPE.STRING };
  if ('f' in value) return { ...empty, f: value.f, type: ATTRIBUTE_TYPE.FLOAT };
  if ('floats' in value) return { ...empty, floats: value.floats, type: ATTRIBUTE_TYPE.FLOATS };
  if ('dims' in value) return { ...empty, t: value, type: ATTRIBUTE_TYPE.TENSOR };
  if ('node' in value) return { ...empty, g: value, type: ATTRIBUTE_TYPE.GRAPH };
  return { ...empty, ints: value, type: ATTRIBUTE_TYPE.INTS };
}

function emptyTensor(name: string, dims: readonly number[], dtype: DataTypeName): TensorProto {
  const none = {
    floatData: [],
    int32Data: [],
    stringData: [],
    int64Data: [],
    doubleData: [],
    uint64Data: [],
  };
  return { name, dims, dataType: DATA_TYPE[dtype], ...none, externalData: [], metadataProps: [] };
}

function naturalType(data: TensorData): DataTypeName {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Float64Array) return 'float64';
  if (data instanceof BigInt64Array) return 'int64';
  if (data instanceof Int32Array) return 'int32';
  if (data instanceof Uint16Array) return 'float16';
  return data instanceof Int8Array ? 'int8' : 'uint8';
}
