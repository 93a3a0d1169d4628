// Adam with bias correction (Kingma and Ba 2015, algorithm 1) as graph nodes, for the parameters of one training step.
//
//   m ← β1 m + (1 − β1) g;  v ← β2 v + (1 − β2) g²
//   p ← p − (lr / (1 − β1^t)) m / (√v / √(1 − β2^t) + ε)
//
// The two factors that depend on the step number t are computed in float64 outside (`schedule.ts`) and fed. With a unit-norm
// decoder: before, g_i ← g_i − (g_i · W_dec_i) W_dec_i; after, W_dec_i ← W_dec_i / ‖W_dec_i‖. The global norm is that of the
// projected gradients, as dictionary_learning clips; clipping multiplies all of them by min(1, clipNorm / (norm + 1e-6)).
import { sumOfSquares } from './auxk.js';
import type { GraphBuilder } from '../onnx/builder.js';
import type { Value } from '../onnx/shape.js';

export interface AdamSettings {
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  readonly clipNorm: number | null;
}

/** Graph values that Adam reads for one parameter. */
export interface Slot {
  readonly parameter: Value;
  readonly gradient: Value;
  readonly m: Value;
  readonly v: Value;
}

/** Graph values after the update. */
export interface Updated {
  readonly parameter: Value;
  readonly m: Value;
  readonly v: Value;
}

/** Factors of the step: lr / (1 − β1^t) and 1 / √(1 − β2^t), float32 scalars. */
export interface StepFactors {
  readonly rate: Value;
  readonly correction: Value;
}

/** g_i − (g_i · w_i) w_i for rows w of unit norm. */
export function buildProjection(g: GraphBuilder, gradient: Value, rows: Value): Value {
  const along = g.op('ReduceSum', [g.op('Mul', [gradient, rows]), g.integers(1)], {
    attributes: { keepdims: 1 },
  });
  return g.op('Sub', [gradient, g.op('Mul', [along, rows])]);
}

/** Rows divided by their norms. */
export function buildUnitRows(g: GraphBuilder, rows: Value): Value {
  return g.op('Div', [rows, g.op('ReduceL2', [rows, g.integers(1)], { attributes: { keepdims: 1 } })]);
}

/** Σ of the squares of all gradients, a scalar. */
export function buildSquaredNorm(g: GraphBuilder, gradients: readonly Value[]): Value {
  return gradients.map((gradient) => sumOfSquares(g, gradient)).reduce((a, b) => g.op('Add', [a, b]));
}

/** The factor that clipping multiplies gradients by, or null without clipping. */
export function buildClipFactor(g: GraphBuilder, squaredNorm: Value, clipNorm: number | null): Value | null {
  if (clipNorm === null) return null;
  const norm = g.op('Add', [g.op('Sqrt', [squaredNorm]), g.scalar(1e-6)]);
  return g.op('Min', [g.scalar(1), g.op('Div', [g.scalar(clipNorm), norm])]);
}

/** One parameter's update. */
export function buildAdam(
  g: GraphBuilder,
  slot: Slot,
  { factors, settings }: { readonly factors: StepFactors; readonly settings: AdamSettings },
): Updated {
  const [beta1, beta2] = settings.betas;
  const { gradient } = slot;
  const m = g.op('Add', [g.op('Mul', [slot.m, g.scalar(beta1)]), g.op('Mul', [gradient, g.scalar(1 - beta1)])]);
  const squared = g.op('Mul', [g.op('Mul', [gradient, g.scalar(1 - beta2)]), gradient]);
  const v = g.op('Add', [g.op('Mul', [slot.v, g.scalar(beta2)]), squared]);
  const denominator = g.op('Add', [g.op('Mul', [g.op('Sqrt', [v]), factors.correction]), g.scalar(settings.epsilon)]);
  const parameter = g.op('Sub', [slot.parameter, g.op('Div', [g.op('Mul', [m, factors.rate]), denominator])]);
  return { parameter, m, v };
}
