// Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019) as torch.optim computes them.
//
//   m ← β1 m + (1 − β1) g;   v ← β2 v + (1 − β2) g²
//   p ← p − lr / (1 − β1^t) · m / (√v / √(1 − β2^t) + ε)
//   Adam decays through the gradient, g ← g + λ p; AdamW beside it, p ← (1 − lr λ) p before the step.
//
// With s = √(1 − β2^t) the last line is p − rate · m / (√v + ε s), rate = lr s / (1 − β1^t): one pass over memory less. `rate`,
// `epsilon` = ε s and `keep` = 1 − lr λ are fed.
import type { GraphBuilder } from '../../onnx/builder.js';
import type { Value } from '../../onnx/shape.js';
import { clipped, named, withDecay } from './optimiser.js';
import type { Optimiser, OptimiserSettings, Slot, StepNumbers, Updated } from './optimiser.js';

export const ADAM: Optimiser = {
  state: () => ['m', 'v'],
  factors,
  buildUpdate: (g, slot, settings) => {
    const gradient = withDecay(g, slot, settings.weightDecay);
    return buildStep(g, { slot, gradient, from: slot.parameter }, settings);
  },
};

export const ADAMW: Optimiser = {
  state: () => ['m', 'v'],
  factors: (settings, step) => ({
    ...factors(settings, step),
    keep: 1 - step.lr * settings.weightDecay,
  }),
  buildUpdate: (g, slot, settings) => {
    const decays = settings.weightDecay !== 0 && slot.kind !== 'vector';
    const from = decays ? g.op('Mul', [slot.parameter, named(slot.factors, 'keep')]) : slot.parameter;
    return buildStep(g, { slot, gradient: clipped(g, slot), from }, settings);
  },
};

function factors({ betas, epsilon }: OptimiserSettings, { lr, step }: StepNumbers): Record<'rate' | 'epsilon', number> {
  const correction = Math.sqrt(1 - betas[1] ** step);
  return { rate: (lr * correction) / (1 - betas[0] ** step), epsilon: epsilon * correction };
}

interface Step {
  readonly slot: Slot;
  readonly gradient: Value;
  /** The parameter after decay. */
  readonly from: Value;
}

function buildStep(
  g: GraphBuilder,
  { slot, gradient, from }: Step,
  { betas: [beta1, beta2] }: OptimiserSettings,
): Updated {
  const m = g.op('Add', [
    g.op('Mul', [named(slot.state, 'm'), g.scalar(beta1)]),
    g.op('Mul', [gradient, g.scalar(1 - beta1)]),
  ]);
  const square = g.op('Mul', [g.op('Mul', [gradient, gradient]), g.scalar(1 - beta2)]);
  const v = g.op('Add', [g.op('Mul', [named(slot.state, 'v'), g.scalar(beta2)]), square]);
  const denominator = g.op('Add', [g.op('Sqrt', [v]), named(slot.factors, 'epsilon')]);
  const move = g.op('Mul', [g.op('Div', [m, denominator]), named(slot.factors, 'rate')]);
  return { parameter: g.op('Sub', [from, move]), state: { m, v } };
}
