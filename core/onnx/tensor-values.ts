// Small constants out of a graph: integers in any of TensorProto's encodings. Not for weights.
import type { GraphIndex } from './graph-index.js';
import { DATA_TYPE } from './data-type.js';
import { nodeAt } from './graph-index.js';
import type { TensorProto } from './proto.js';

/** The tensor behind a name if it is constant: an initializer, a Constant node, or an Identity of one; else null. */
export function constantTensor(index: GraphIndex, name: string): TensorProto | null {
  let current = name;
  for (;;) {
    const initializer = index.initializers.get(current);
    if (initializer) return initializer;
    const producer = index.producerOf.get(current);
    if (producer === undefined) return null;
    const node = nodeAt(index.graph, producer);
    if (node.opType === 'Constant')
      return node.attribute.find((a) => a.name === 'value')?.t ?? null;
    if (node.opType !== 'Identity') return null;
    current = node.input[0] ?? '';
  }
}

/** The values of an int32 or int64 tensor that lies inside the model; null for other types and external data. */
export function integerValues(tensor: TensorProto): number[] | null {
  const wide = tensor.dataType === DATA_TYPE.int64;
  if ((!wide && tensor.dataType !== DATA_TYPE.int32) || tensor.externalData.length > 0) return null;
  const raw = tensor.rawData;
  if (raw === undefined) return wide ? tensor.int64Data.map(Number) : [...tensor.int32Data];
  const bytes = wide ? 8 : 4;
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  return Array.from({ length: Math.floor(raw.length / bytes) }, (_, i) =>
    wide ? Number(view.getBigInt64(i * bytes, true)) : view.getInt32(i * bytes, true),
  );
}
