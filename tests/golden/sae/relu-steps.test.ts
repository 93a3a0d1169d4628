// Fifty relu steps (L1 penalty weighted by decoder norms, no AuxK, no unit rows) recorded from PyTorch
// (tests/fixtures/sae/make_sae.py) against our step graph, whose gradients are core/autodiff's: tolerances as for topk.
import { describe, expect, it } from 'vitest';
import { EXACT, FLOAT64, WAYS, expectRecorded, recipeOf, recordingOf, runSteps } from './recorded-steps.js';

const RELU = recipeOf('relu', { sparsity: 0.02 });

describe('fifty relu steps recorded from PyTorch', () => {
  it.each(WAYS)(
    'are reproduced at optimisation $optimisation with $threads thread(s), $perCall per Loop',
    async (way) => {
      expectRecorded(RELU, await runSteps(RELU, way));
    },
  );

  it('have the float64 losses when the same graph is built in float64', async () => {
    expectRecorded(RELU, await runSteps(RELU, FLOAT64), { tolerance: EXACT, float: 'float64' });
  });

  it('have a sparsity term that matters: a tenth of the loss or more in every step', () => {
    for (const { sparsity, loss } of recordingOf(RELU).float32) expect(sparsity / loss).toBeGreaterThan(0.1);
  });
});
