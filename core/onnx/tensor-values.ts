// Small constants out of a graph: integers in any of TensorProto's encodings. Not for weights.
import type { GraphIndex } from './graph-index.js';
import { DATA_TYPE } from './data-type.js';
import { nodeAt } from './graph-index.js';
import type { TensorProto } from './proto.js';

/** Answers of `constantTensor` by index, so that long chains of aliases are walked once. */
const KNOWN = new WeakMap<GraphIndex, Map<string, TensorProto | null>>();

/** The tensor behind a name if it is constant: an initializer, a Constant node, or an Identity of one; else null. */
export function constantTensor(index: GraphIndex, name: string): TensorProto | null {
  const initializer = index.initializers.get(name);
  if (initializer) return initializer;
  let known = KNOWN.get(index);
  if (known === undefined) KNOWN.set(index, (known = new Map<string, TensorProto | null>()));
  const walked: string[] = [];
  for (let current = name; ;) {
    const met = known.get(current);
    const next = met === undefined ? valueOrSource(index, current) : met;
    if (typeof next === 'string') {
      walked.push(current);
      current = next;
      continue;
    }
    for (const alias of walked) known.set(alias, next);
    return next;
  }
}

/** The constant that a node holds, the name of a tensor of the same value, or null. */
function valueOrSource(index: GraphIndex, tensor: string): TensorProto | string | null {
  const producer = index.producerOf.get(tensor);
  if (producer === undefined) return index.initializers.get(tensor) ?? null;
  const node = nodeAt(index.graph, producer);
  if (node.opType === 'Constant') return node.attribute.find((a) => a.name === 'value')?.t ?? null;
  return node.opType === 'Identity' ? (node.input[0] ?? '') : null;
}

/** Longest list of integers that is read: a position table or a shape, not a weight. */
const MAX_VALUES = 2 ** 22;

/** The values of an int32 or int64 tensor inside the model; null for other types, external data and 4,194,304 values and more. */
export function integerValues(tensor: TensorProto): number[] | null {
  const wide = tensor.dataType === DATA_TYPE.int64;
  if ((!wide && tensor.dataType !== DATA_TYPE.int32) || tensor.externalData.length > 0) return null;
  const raw = tensor.rawData;
  if (raw === undefined) return wide ? tensor.int64Data.map(Number) : [...tensor.int32Data];
  const bytes = wide ? 8 : 4;
  if (raw.length >= MAX_VALUES * bytes) return null;
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  return Array.from({ length: Math.floor(raw.length / bytes) }, (_, i) =>
    wide ? Number(view.getBigInt64(i * bytes, true)) : view.getInt32(i * bytes, true),
  );
}
