// Fifty topk steps recorded from PyTorch (tests/fixtures/sae/make_sae.py) against our step graph: losses within 1e-5 relative,
// weights within 1e-5 of the tensor's largest value, in float64 within 1e-9; and the same bytes however many steps share a Loop.
import { describe, expect, it } from 'vitest';
import { EXACT, FLOAT64, expectRecorded, recipeOf, recordingOf, runSteps } from './recorded-steps.js';

const TOPK = recipeOf('topk', { k: 4 }, { kAux: 16 });

describe('fifty topk steps recorded from PyTorch', () => {
  it.each([
    { optimisation: 'disabled', threads: 1, perCall: 50 },
    { optimisation: 'all', threads: 1, perCall: 50 },
    { optimisation: 'disabled', threads: 2, perCall: 50 },
    { optimisation: 'all', threads: 2, perCall: 7 },
  ] as const)(
    'are reproduced at optimisation $optimisation with $threads thread(s), $perCall per Loop',
    async (way) => {
      expectRecorded(TOPK, await runSteps(TOPK, way));
    },
  );

  it('have the float64 losses when the same graph is built in float64', async () => {
    expectRecorded(TOPK, await runSteps(TOPK, FLOAT64), { tolerance: EXACT, float: 'float64' });
  });

  it('exercise AuxK: some of the recorded steps have dead features', () => {
    expect(recordingOf(TOPK).float32.filter((step) => step.dead > 0 && step.aux > 0).length).toBeGreaterThan(10);
  });

  it('are the same bytes however many steps share a Loop', async () => {
    const engine = { threads: 1, optimisation: 'all' } as const;
    const whole = await runSteps(TOPK, { ...engine, perCall: 50 });
    const cut = await runSteps(TOPK, { ...engine, perCall: 3 });
    expect(cut.numbers).toEqual(whole.numbers);
    for (const [name, values] of whole.state) expect(cut.state.get(name)).toEqual(values);
  });
});
