// Fifty matryoshka steps recorded from PyTorch (tests/fixtures/sae/make_sae.py) against our step graph, whose gradients are
// core/autodiff's: tolerances as for batchtopk; in float64 losses within 1e-9.
import { describe, expect, it } from 'vitest';
import { EXACT, FLOAT64, NEAR_TIES, WAYS, expectRecorded, recipeOf, recordingOf, runSteps } from './recorded-steps.js';

const MATRYOSHKA = recipeOf('matryoshka', { k: 4, prefixes: [32, 64, 128, 256] }, { kAux: 16 });

describe('fifty matryoshka steps recorded from PyTorch', () => {
  it.each(WAYS)(
    'are reproduced at optimisation $optimisation with $threads thread(s), $perCall per Loop',
    async (way) => {
      expectRecorded(MATRYOSHKA, await runSteps(MATRYOSHKA, way), { tolerance: NEAR_TIES });
    },
  );

  it('have the float64 losses when the same graph is built in float64', async () => {
    expectRecorded(MATRYOSHKA, await runSteps(MATRYOSHKA, FLOAT64), { tolerance: EXACT, float: 'float64' });
  });

  it('exercise AuxK: some of the recorded steps have dead features', () => {
    expect(recordingOf(MATRYOSHKA).float32.filter((step) => step.dead > 0 && step.aux > 0).length).toBeGreaterThan(10);
  });
});
