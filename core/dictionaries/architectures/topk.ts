// TopK: f = the k largest of relu(z) per row (Makhzani and Frey 2013; Gao et al. 2024, arXiv 2406.04093, section 2.3).
// TopK runs over z and relu over its result: the same features, because relu keeps the order of what is positive.
// ONNX TopK breaks ties by the lower index, which is the project's rule (larger value, then lower feature id).
import type { Architecture, Selection, SelectionSizes, StepValues } from '../architecture.js';
import type { GraphBuilder } from '../../onnx/builder.js';
import type { Value } from '../../onnx/shape.js';

export const topk: Architecture = {
  extraParameters: [],
  unitNormDecoder: true,
  auxK: true,
  capacity: ({ k }) => k,
  crossesSlices: ['candidates', 'reconstruction', 'b_dec gradient', 'gradient norm', 'AuxK candidates'],
  buildSelection: buildLargest,
  buildInference: buildLargest,
  // ∂f/∂z = 1 where f > 0.
  buildSelectionGradient(g, { value }, df) {
    return g.op('Mul', [df, g.op('Sign', [value])]);
  },
  buildSparsity: null,
};

function buildLargest(g: GraphBuilder, { z }: StepValues, { k }: SelectionSizes): Selection {
  const [largest, feature] = g.ops('TopK', [z, g.integers(k)], {
    outputs: 2,
    attributes: { axis: -1 },
  }) as [Value, Value];
  return { layout: 'pairs', capacity: k, feature, value: g.op('Relu', [largest]) };
}
