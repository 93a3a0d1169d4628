// The global norm of all gradients and the factor that clips them, as torch.nn.utils.clip_grad_norm_ computes it:
//   norm = √(Σ_tensors Σ g²);   factor = min(1, c / (norm + 1e-6))
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

/** What every gradient is multiplied by, a scalar. */
export function buildClipFactor(g: GraphBuilder, norm: Value, clipNorm: number): Value {
  const ratio = g.op('Div', [g.scalar(clipNorm), g.op('Add', [norm, g.scalar(1e-6)])]);
  return g.op('Min', [g.scalar(1), ratio]);
}
