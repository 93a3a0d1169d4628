// Fifty jumprelu steps recorded from PyTorch (tests/fixtures/sae/make_sae.py) against our step graph, whose gradients are
// core/autodiff's: tolerances as for topk; in float64 losses within 1e-9.
import { describe, expect, it } from 'vitest';
import { EXACT, FLOAT64, WAYS, expectRecorded, recipeOf, recordingOf, runSteps } from './recorded-steps.js';

const JUMPRELU = recipeOf('jumprelu', { sparsity: 0.01, bandwidth: 0.1, threshold: 0.1 }, { betas: [0, 0.999] });

describe('fifty jumprelu steps recorded from PyTorch', () => {
  it.each(WAYS)(
    'are reproduced at optimisation $optimisation with $threads thread(s), $perCall per Loop',
    async (way) => {
      expectRecorded(JUMPRELU, await runSteps(JUMPRELU, way));
    },
  );

  it('have the float64 losses when the same graph is built in float64', async () => {
    expectRecorded(JUMPRELU, await runSteps(JUMPRELU, FLOAT64), { tolerance: EXACT, float: 'float64' });
  });

  it('have a sparsity term that matters: a fiftieth of the loss or more in every step', () => {
    for (const { sparsity, loss } of recordingOf(JUMPRELU).float32) expect(sparsity / loss).toBeGreaterThan(0.02);
  });
});
