// Fifty relu steps (L1 penalty weighted by decoder norms, no AuxK, no unit rows) recorded from PyTorch
// (tests/fixtures/sae/make_sae.py) against our step graph, whose gradients are core/autodiff's: tolerances as for topk.
import { describe, expect, it } from 'vitest';
import { expectRecorded, recordedSteps, runSteps, type Recipe } from './recorded-steps.js';

const RELU: Recipe = { kind: 'relu', settings: { sparsity: 0.02 }, kAux: 0 };

describe('fifty relu steps recorded from PyTorch', () => {
  it.each([
    { optimisation: 'disabled', threads: 1, perCall: 50 },
    { optimisation: 'all', threads: 1, perCall: 50 },
    { optimisation: 'all', threads: 2, perCall: 7 },
  ] as const)(
    'are reproduced at optimisation $optimisation with $threads thread(s), $perCall per Loop',
    async (way) => {
      expectRecorded(RELU, await runSteps(RELU, { ...way, scatter: 'dense' }));
    },
  );

  it('have a sparsity term that matters: a tenth of the loss or more in every step', () => {
    for (const { sparsity, loss } of recordedSteps('relu')) expect(sparsity / loss).toBeGreaterThan(0.1);
  });
});
