// Fifty transcoder steps recorded from PyTorch (tests/fixtures/sae/make_sae.py) against our step graph, whose gradients are
// core/autodiff's: tolerances as for topk; in float64 losses within 1e-9.
import { describe, expect, it } from 'vitest';
import {
  EXACT,
  FLOAT64,
  RECORDED_WIDTH,
  WAYS,
  expectRecorded,
  recipeOf,
  recordingOf,
  runSteps,
} from './recorded-steps.js';

const TRANSCODER = {
  ...recipeOf('topk', { k: 4 }, { kAux: 16 }),
  ...{ name: 'transcoder', rows: ['x', 'y'] },
  sites: { widths: [RECORDED_WIDTH, RECORDED_WIDTH], reads: [0], writes: [1], skip: true },
} as const;

describe('fifty transcoder steps recorded from PyTorch', () => {
  it.each(WAYS)(
    'are reproduced at optimisation $optimisation with $threads thread(s), $perCall per Loop',
    async (way) => {
      expectRecorded(TRANSCODER, await runSteps(TRANSCODER, way));
    },
  );

  it('have the float64 losses when the same graph is built in float64', async () => {
    expectRecorded(TRANSCODER, await runSteps(TRANSCODER, FLOAT64), { tolerance: EXACT, float: 'float64' });
  });

  it('exercise AuxK: some of the recorded steps have dead features', () => {
    expect(recordingOf(TRANSCODER).float32.filter((step) => step.dead > 0 && step.aux > 0).length).toBeGreaterThan(10);
  });
});
