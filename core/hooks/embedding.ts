// Finds the token embedding: the Gather of a weight table whose indices are the token ids of a graph input.
import { InputError } from '../../schemas/errors.js';
import { DATA_TYPE } from '../onnx/data-type.js';
import { nodeAt, type GraphIndex } from '../onnx/graph-index.js';
import { constantTensor } from '../onnx/tensor-values.js';

export interface TokenEmbedding {
  /** Graph input with token ids. */
  readonly input: string;
  /** The Gather's place in the graph. */
  readonly node: number;
  /** Its output, [batch, pos, width]. */
  readonly tensor: string;
  readonly vocab: number;
  readonly width: number;
}

/** Names under which exporters give token ids; only used where several inputs lead to embeddings. */
export const TOKEN_INPUTS: readonly string[] = ['input_ids', 'input_id', 'tokens', 'token_ids', 'ids'];

/** Operators that pass ids on unchanged (Clip keeps those in range). */
const PASS_IDS = new Set(['Reshape', 'Cast', 'Identity', 'Unsqueeze', 'Squeeze', 'Clip', 'Flatten']);

/** The token embedding. @throws InputError where none or several are found, with what was found. */
export function findEmbedding(index: GraphIndex): TokenEmbedding {
  const found: TokenEmbedding[] = [];
  for (const info of index.graph.input) {
    const name = info.name ?? '';
    const type = info.type?.tensorType?.elemType;
    if (!index.inputs.has(name) || (type !== DATA_TYPE.int64 && type !== DATA_TYPE.int32)) continue;
    const gather = embeddingOf(index, name);
    if (gather) found.push(gather);
  }
  const named = TOKEN_INPUTS.map((name) => found.find((e) => e.input === name)).find((e) => e);
  const only = named ?? (found.length === 1 ? found[0] : undefined);
  if (only) return only;
  const inputs = [...index.inputs].join(', ') || 'none';
  throw new InputError(
    found.length === 0
      ? `Expected a token embedding (a Gather of a weight table by an input of token ids), found none; inputs: ${inputs}. Export the model with input_ids as input, not with embeddings.`
      : `Expected one input of token ids, found ${found.map((e) => e.input).join(', ')}. Name the one with tokens "input_ids" when exporting.`,
    { inputs: [...index.inputs], embeddings: found.map((e) => e.input) },
  );
}

function embeddingOf(index: GraphIndex, input: string): TokenEmbedding | null {
  const ids = new Set([input]);
  for (const tensor of ids) {
    for (const consumer of index.consumersOf.get(tensor) ?? []) {
      const node = nodeAt(index.graph, consumer);
      const output = node.output[0] ?? '';
      if (PASS_IDS.has(node.opType ?? '') && node.input[0] === tensor) ids.add(output);
      if (node.opType !== 'Gather' || node.input[1] !== tensor) continue;
      const shape = weightShape(index, node.input[0] ?? '');
      if (shape?.length !== 2) continue;
      return { input, node: consumer, tensor: output, vocab: shape[0] ?? 0, width: shape[1] ?? 0 };
    }
  }
  return null;
}

/** Operators behind which a weight is still a weight of the same values, or of the same values turned. */
const PASS_WEIGHTS = new Set(['Identity', 'Cast', 'DequantizeLinear', 'Transpose']);

/** The shape of a tensor that is a weight, also behind Identity, Cast, DequantizeLinear or a 2-D Transpose; else null. */
export function weightShape(index: GraphIndex, tensor: string): readonly number[] | null {
  let turned = false;
  let current = tensor;
  for (;;) {
    const stored = constantTensor(index, current);
    if (stored) return turned ? turnedShape(stored.dims) : stored.dims;
    const producer = index.producerOf.get(current);
    const node = producer === undefined ? undefined : nodeAt(index.graph, producer);
    if (node === undefined || !PASS_WEIGHTS.has(node.opType ?? '')) return null;
    turned = turned !== (node.opType === 'Transpose');
    current = node.input[0] ?? '';
  }
}

function turnedShape(dims: readonly number[]): readonly number[] | null {
  return dims.length === 2 ? [...dims].reverse() : null;
}
