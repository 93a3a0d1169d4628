// Learning rates and step factors equal a recorded recipe bit for bit, wherever a run of steps is cut.
import { describe, expect, it } from 'vitest';
import { OPTIMISER_NAMES } from '../../../../core/optimise/optimisers/optimiser.js';
import { factorNames, stepFactors } from '../../../../core/optimise/optimisers/optimisers.js';
import { learningRate, type Schedule } from '../../../../core/optimise/schedule.js';
import { ADAMW } from '../language-model/small-models.js';

const COSINE: Schedule = {
  kind: 'cosine',
  lr: 3e-3,
  steps: 1800,
  warmupSteps: 100,
  finalFraction: 0.1,
};

describe('the learning rate', () => {
  it('is that of the recorded recipe, bit for bit, in every step', () => {
    for (let s = 0; s < 1800; s++) {
      const recipe =
        3e-3 *
        Math.min(1, (s + 1) / 100) *
        (0.1 + 0.9 * 0.5 * (1 + Math.cos(Math.PI * Math.min(1, Math.max(0, s - 100) / (1800 - 100)))));
      expect(learningRate(COSINE, s)).toBe(recipe);
    }
  });

  it('falls in a line to the final fraction', () => {
    const linear: Schedule = { ...COSINE, kind: 'linear', lr: 1, steps: 10, warmupSteps: 2, finalFraction: 0.2 };
    // Steps 0 and 1 rise (1/2, 1); from step 2 on p = (s − 2) / 8.
    expect(learningRate(linear, 0)).toBe(0.5);
    expect(learningRate(linear, 2)).toBe(1);
    expect(learningRate(linear, 6)).toBeCloseTo(0.2 + 0.8 * 0.5, 12);
    expect(learningRate(linear, 10)).toBeCloseTo(0.2, 12);
  });

  it('is constant without warm-up, and finite where warm-up is all there is', () => {
    const constant: Schedule = { ...COSINE, kind: 'constant', warmupSteps: 0 };
    expect([0, 1, 1799].map((s) => learningRate(constant, s))).toEqual([3e-3, 3e-3, 3e-3]);
    const onlyWarmUp = { ...COSINE, steps: 4, warmupSteps: 4 };
    expect([0, 3].map((s) => learningRate(onlyWarmUp, s))).toEqual([3e-3 / 4, 3e-3]);
  });
});

describe('factors of steps', () => {
  it('are those of AdamW in float64, rounded once', () => {
    const factors = stepFactors(ADAMW, COSINE, { from: 99, count: 2 });
    const t = 101;
    const correction = Math.sqrt(1 - 0.95 ** t);
    const lr = learningRate(COSINE, 100);
    expect(factors.get('rate')?.[1]).toBe(Math.fround((lr * correction) / (1 - 0.9 ** t)));
    expect(factors.get('epsilon')?.[1]).toBe(Math.fround(1e-8 * correction));
    expect(factors.get('keep')?.[1]).toBe(Math.fround(1 - lr * 0.1));
  });

  it('do not depend on where a run of steps is cut', () => {
    for (const kind of OPTIMISER_NAMES) {
      const settings = { ...ADAMW, kind };
      const whole = stepFactors(settings, COSINE, { from: 0, count: 6 });
      const second = stepFactors(settings, COSINE, { from: 4, count: 2 });
      for (const name of factorNames(settings)) expect(second.get(name)).toEqual(whole.get(name)?.subarray(4));
    }
  });
});
