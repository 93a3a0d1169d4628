// Fifty batchtopk steps recorded from PyTorch (tests/fixtures/sae/make_sae.py) against our step graph, whose gradients are
// core/autodiff's: losses within 5e-5, weights within 5e-4 of the largest (b_enc 5e-3), as near-ties amplify rounding; in float64 losses within 1e-9.
import { describe, expect, it } from 'vitest';
import { EXACT, FLOAT64, NEAR_TIES, WAYS, expectRecorded, recipeOf, recordingOf, runSteps } from './recorded-steps.js';

const BATCHTOPK = recipeOf('batchtopk', { k: 4 }, { kAux: 16 });

describe('fifty batchtopk steps recorded from PyTorch', () => {
  it.each(WAYS)(
    'are reproduced at optimisation $optimisation with $threads thread(s), $perCall per Loop',
    async (way) => {
      expectRecorded(BATCHTOPK, await runSteps(BATCHTOPK, way), { tolerance: NEAR_TIES });
    },
  );

  it('have the float64 losses when the same graph is built in float64', async () => {
    expectRecorded(BATCHTOPK, await runSteps(BATCHTOPK, FLOAT64), { tolerance: EXACT, float: 'float64' });
  });

  it('exercise AuxK: some of the recorded steps have dead features', () => {
    expect(recordingOf(BATCHTOPK).float32.filter((step) => step.dead > 0 && step.aux > 0).length).toBeGreaterThan(10);
  });
});
