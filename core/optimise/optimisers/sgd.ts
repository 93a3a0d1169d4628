// Stochastic gradient descent with momentum as torch.optim.SGD computes it (dampening 0).
//
//   g ← g + λ p;   b ← μ b + g   (b = 0 before the first step);   p ← p − lr b,   with Nesterov p ← p − lr (g + μ b)
import { valueNamed } from '../../onnx/named-value.js';
import type { Optimiser } from './optimiser.js';
import { withDecay } from './optimiser.js';

export const SGD: Optimiser = {
  state: ({ momentum }) => (momentum === 0 ? [] : ['momentum']),
  factors: (_, { lr }) => ({ rate: lr }),
  buildUpdate: (g, slot, { momentum, nesterov, weightDecay }) => {
    const gradient = withDecay(g, slot, weightDecay);
    const rate = valueNamed(slot.factors, 'rate');
    if (momentum === 0) return { parameter: g.op('Sub', [slot.parameter, g.op('Mul', [gradient, rate])]), state: {} };
    const mu = g.scalar(momentum);
    const buffer = g.op('Add', [g.op('Mul', [valueNamed(slot.state, 'momentum'), mu]), gradient]);
    const direction = nesterov ? g.op('Add', [gradient, g.op('Mul', [buffer, mu])]) : buffer;
    const move = g.op('Mul', [direction, rate]);
    return { parameter: g.op('Sub', [slot.parameter, move]), state: { momentum: buffer } };
  },
};
