// The global norm of all gradients and the factor that clips them, as torch.nn.utils.clip_grad_norm_ computes it:
//   norm = √(Σ_tensors Σ g²);   factor = min(1, c / (norm + 1e-6))
// The sum over tensors is taken in one of two orders, which differ in the last bits: as one row (language models, where the
// squares of every tensor are told as well), or one tensor after the other (dictionaries). A trainer keeps the one it began with.
import type { GraphBuilder } from '../onnx/builder.js';
import type { Value } from '../onnx/shape.js';

/** Σ g² of each gradient, one row [P] in the order given. */
export function buildSquaredNorms(g: GraphBuilder, gradients: readonly Value[]): Value {
  const squares = gradients.map((gradient) => {
    const flat = g.op('Reshape', [gradient, g.integers(-1)]);
    return g.op('ReduceSumSquare', [flat, g.integers(0)], { attributes: { keepdims: 1 } });
  });
  return g.op('Concat', squares, { attributes: { axis: 0 } });
}

/** √ of the sum of squared norms [P], a scalar. */
export function buildGlobalNorm(g: GraphBuilder, squaredNorms: Value): Value {
  const sum = g.op('ReduceSum', [squaredNorms, g.integers(0)], { attributes: { keepdims: 0 } });
  return g.op('Sqrt', [sum]);
}

/** Σ g² over all gradients, a scalar: one tensor after the other. */
export function buildSquaresInTurn(g: GraphBuilder, gradients: readonly Value[]): Value {
  return gradients
    .map((gradient) => g.op('ReduceSumSquare', [gradient], { attributes: { keepdims: 0 } }))
    .reduce((a, b) => g.op('Add', [a, b]));
}

/** What every gradient is multiplied by, a scalar. */
export function buildClipFactor(g: GraphBuilder, norm: Value, clipNorm: number): Value {
  const ratio = g.op('Div', [g.scalar(clipNorm), g.op('Add', [norm, g.scalar(1e-6)])]);
  return g.op('Min', [g.scalar(1), ratio]);
}
