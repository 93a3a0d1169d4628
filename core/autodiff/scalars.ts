// Numbers stored in a graph as scalars: exponents, limits, switches. Rules take shorter forms where they know them.
import { DATA_TYPE } from '../onnx/data-type.js';
import type { GraphProto, NodeProto, TensorProto } from '../onnx/proto.js';
import { halfToFloat } from '../tensor/half.js';

/** The numbers of all stored tensors of one element, by name. */
export function scalarsOf(graph: GraphProto): Map<string, number> {
  const scalars = new Map<string, number>();
  const add = (name: string, value: number | null): void => {
    if (value !== null) scalars.set(name, value);
  };
  for (const tensor of graph.initializer) add(tensor.name ?? '', scalarOf(tensor));
  for (const node of graph.node) if (node.opType === 'Constant') add(node.output[0] ?? '', constantScalar(node));
  return scalars;
}

function constantScalar(node: NodeProto): number | null {
  for (const { name, t, f, i } of node.attribute) {
    if (name === 'value' && t) return scalarOf(t);
    if (name === 'value_float') return f ?? 0;
    if (name === 'value_int') return Number(i ?? 0);
  }
  return null;
}

/** The number in a tensor of one element that lies inside the model, else null. */
function scalarOf(tensor: TensorProto): number | null {
  if (tensor.dims.some((size) => size !== 1) || tensor.externalData.length > 0) return null;
  const { rawData: raw, dataType = 0 } = tensor;
  if (raw === undefined) {
    if (dataType === DATA_TYPE.float16) return null;
    const [value] = [...tensor.floatData, ...tensor.doubleData, ...tensor.int64Data, ...tensor.int32Data];
    return value === undefined ? null : Number(value);
  }
  return raw.length > 8 ? null : readScalar(dataType, raw);
}

function readScalar(dataType: number, raw: Uint8Array): number | null {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const read: Readonly<Record<number, readonly [bytes: number, of: () => number]>> = {
    [DATA_TYPE.float32]: [4, () => view.getFloat32(0, true)],
    [DATA_TYPE.float64]: [8, () => view.getFloat64(0, true)],
    [DATA_TYPE.float16]: [2, () => halfToFloat(view.getUint16(0, true))],
    [DATA_TYPE.int64]: [8, () => Number(view.getBigInt64(0, true))],
    [DATA_TYPE.int32]: [4, () => view.getInt32(0, true)],
    [DATA_TYPE.bool]: [1, () => view.getUint8(0)],
  };
  const [bytes, of] = read[dataType] ?? [0, () => 0];
  return bytes > 0 && raw.length === bytes ? of() : null;
}
