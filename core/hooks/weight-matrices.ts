// The weight matrices of a model: the stored operands of matrix products, also behind a transpose, a cast or their quantisation, and the
// table of the token embedding. Biases, gains of norms, position tables, masks and tables of rotation are none.
import { constantTensor } from '../onnx/tensor-values.js';
import { nodeAt, type GraphIndex } from '../onnx/graph-index.js';
import type { TensorProto } from '../onnx/proto.js';
import type { TokenEmbedding } from './embedding.js';
import { PRODUCTS } from './site-graph.js';

/** What a stored matrix may pass on its way to a product. */
const ON_THE_WAY: ReadonlySet<string> = new Set([
  'Identity',
  'Cast',
  'DequantizeLinear',
  'Transpose',
  'Reshape',
  'Unsqueeze',
  'Squeeze',
]);

/** Each once, in the order of the graph's nodes. */
export function weightMatrices(index: GraphIndex, embedding: Pick<TokenEmbedding, 'node'>): TensorProto[] {
  const found = new Set<TensorProto>();
  index.graph.node.forEach((node, at) => {
    const operands = at === embedding.node ? node.input : PRODUCTS.has(node.opType ?? '') ? node.input.slice(0, 2) : [];
    for (const name of operands) {
      const stored = storedBehind(index, name);
      if (stored !== null && stored.dims.length >= 2) found.add(stored);
    }
  });
  return [...found];
}

function storedBehind(index: GraphIndex, name: string): TensorProto | null {
  for (let current = name; ;) {
    const stored = constantTensor(index, current);
    if (stored) return stored;
    const producer = index.producerOf.get(current);
    const node = producer === undefined ? undefined : nodeAt(index.graph, producer);
    if (node === undefined || !ON_THE_WAY.has(node.opType ?? '')) return null;
    current = node.input[0] ?? '';
  }
}
