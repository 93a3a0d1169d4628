// Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019) as torch.optim computes them.
//
//   m ← β1 m + (1 − β1) g;   v ← β2 v + (1 − β2) g²
//   p ← p − lr / (1 − β1^t) · m / (√v / √(1 − β2^t) + ε)
//   Adam decays through the gradient, g ← g + λ p; AdamW beside it, p ← (1 − lr λ) p before the step.
//
// The step is built in one of two forms, equal but for the last bits; a trainer keeps the one it began with:
//   folded      with s = √(1 − β2^t): p − (m / (√v + ε s)) · rate, rate = lr s / (1 − β1^t); one pass over memory less
//   corrected   p − (m · rate) / (√v · correction + ε), rate = lr / (1 − β1^t), correction = 1 / √(1 − β2^t)
// What depends on t alone, and `keep` = 1 − lr λ, is computed in float64 outside and fed.
import type { GraphBuilder } from '../../onnx/builder.js';
import { valueNamed } from '../../onnx/named-value.js';
import type { Value } from '../../onnx/shape.js';
import { clipped, withDecay } from './optimiser.js';
import type { AdamForm, Optimiser, OptimiserSettings, Slot, StepNumbers, Updated } from './optimiser.js';

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
    const from = decays ? g.op('Mul', [slot.parameter, valueNamed(slot.factors, 'keep')]) : slot.parameter;
    return buildStep(g, { slot, gradient: clipped(g, slot), from }, settings);
  },
};

interface Step {
  readonly slot: Slot;
  readonly gradient: Value;
  /** The parameter after decay. */
  readonly from: Value;
}

interface Form {
  readonly factors: (settings: OptimiserSettings, numbers: StepNumbers) => Readonly<Record<string, number>>;
  /** (1 − β2) g² */
  readonly buildSquare: (g: GraphBuilder, gradient: Value, share: Value) => Value;
  /** What is taken off the parameter, from the moments after the step. */
  readonly buildMove: (g: GraphBuilder, slot: Slot, moments: Moments) => Value;
}

interface Moments {
  readonly m: Value;
  readonly v: Value;
  readonly epsilon: number;
}

const FORMS: Readonly<Record<AdamForm, Form>> = {
  folded: {
    factors: ({ betas, epsilon }, { lr, step }) => {
      const correction = Math.sqrt(1 - betas[1] ** step);
      return { rate: (lr * correction) / (1 - betas[0] ** step), epsilon: epsilon * correction };
    },
    buildSquare: (g, gradient, share) => g.op('Mul', [g.op('Mul', [gradient, gradient]), share]),
    buildMove: (g, { factors: fed }, { m, v }) => {
      const denominator = g.op('Add', [g.op('Sqrt', [v]), valueNamed(fed, 'epsilon')]);
      return g.op('Mul', [g.op('Div', [m, denominator]), valueNamed(fed, 'rate')]);
    },
  },
  corrected: {
    factors: ({ betas }, { lr, step }) => ({
      rate: lr / (1 - betas[0] ** step),
      correction: 1 / Math.sqrt(1 - betas[1] ** step),
    }),
    buildSquare: (g, gradient, share) => g.op('Mul', [g.op('Mul', [gradient, share]), gradient]),
    buildMove: (g, { factors: fed }, { m, v, epsilon }) => {
      const root = g.op('Mul', [g.op('Sqrt', [v]), valueNamed(fed, 'correction')]);
      const denominator = g.op('Add', [root, g.scalar(epsilon)]);
      return g.op('Div', [g.op('Mul', [m, valueNamed(fed, 'rate')]), denominator]);
    },
  },
};

function formOf({ form = 'folded' }: OptimiserSettings): Form {
  return FORMS[form];
}

function factors(settings: OptimiserSettings, numbers: StepNumbers): Readonly<Record<string, number>> {
  return formOf(settings).factors(settings, numbers);
}

function buildStep(g: GraphBuilder, { slot, gradient, from }: Step, settings: OptimiserSettings): Updated {
  const [beta1, beta2] = settings.betas;
  const form = formOf(settings);
  const m = g.op('Add', [
    g.op('Mul', [valueNamed(slot.state, 'm'), g.scalar(beta1)]),
    g.op('Mul', [gradient, g.scalar(1 - beta1)]),
  ]);
  const square = form.buildSquare(g, gradient, g.scalar(1 - beta2));
  const v = g.op('Add', [g.op('Mul', [valueNamed(slot.state, 'v'), g.scalar(beta2)]), square]);
  const move = form.buildMove(g, slot, { m, v, epsilon: settings.epsilon });
  return { parameter: g.op('Sub', [from, move]), state: { m, v } };
}
