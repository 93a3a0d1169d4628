// Moves a model's large stored weights into a file beside it, so that neither an object of the store nor protobuf's limit
// bounds the model. Pure: gives the bytes of both files.
import { EXTERNAL } from '../../core/onnx/external-data.js';
import type { ModelProto, TensorProto } from '../../core/onnx/proto.js';

/** Weights of models up to this size stay in the ONNX file. */
export const LARGEST_INLINE_BYTES = 100 * 2 ** 20;
/** Tensors below this size stay: shapes and constants. */
const LEAST_OUTSIDE = 1024;
/** Offsets are multiples of this, so that the weights can be mapped from disk. */
const ALIGNMENT = 65_536;
/** Name of the second file, beside the first. */
export const WEIGHTS_FILE = 'model.onnx.data';

/** The model with references in place of its large initializers, and what they refer to, in pieces. */
export function detachWeights(model: ModelProto): {
  readonly graph: ModelProto;
  readonly data: readonly Uint8Array[];
} {
  const data: Uint8Array[] = [];
  let at = 0;
  const detach = (tensor: TensorProto): TensorProto => {
    const { rawData: raw, ...rest } = tensor;
    if (raw === undefined || raw.length < LEAST_OUTSIDE) return tensor;
    const gap = (ALIGNMENT - (at % ALIGNMENT)) % ALIGNMENT;
    data.push(new Uint8Array(gap), raw);
    const offset = at + gap;
    at = offset + raw.length;
    const externalData = [
      { key: 'location', value: WEIGHTS_FILE },
      { key: 'offset', value: String(offset) },
      { key: 'length', value: String(raw.length) },
    ];
    return { ...rest, dataLocation: EXTERNAL, externalData };
  };
  const { graph } = model;
  if (!graph) return { graph: model, data };
  const initializer = graph.initializer.map(detach);
  return { graph: { ...model, graph: { ...graph, initializer } }, data };
}
