// A backward by hand gives what core/autodiff gives for the same forward and loss: losses, and the gradients of all parameters.
// With β1 = 0 the first moment after a step is the gradient itself (after projection).
import { describe, expect, it } from 'vitest';
import { ARCHITECTURES } from '../../../../core/dictionaries/architectures.js';
import { oneSite } from '../../../../core/dictionaries/sites.js';
import { SINCE_FIRED, parametersOf } from '../../../../core/dictionaries/state.js';
import { STEP_NUMBERS, type StepGraphSettings } from '../../../../core/dictionaries/step-graph.js';
import type { StateArrays } from '../../../../core/optimise/state.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';
import { middleState, runSteps } from './step-run.js';

const [WIDTH, FEATURES, B] = [12, 64, 32];
const base: StepGraphSettings = {
  kind: ARCHITECTURES.topk,
  sites: oneSite(WIDTH),
  features: FEATURES,
  batchRows: B,
  settings: { k: 4 },
  kAux: 5,
  auxWeight: 1 / 4,
  deadAfterTokens: 64,
  variance: 9,
  adam: { betas: [0, 0.999], epsilon: 1e-8 },
  clipNorm: null,
};

const middle = (settings: StepGraphSettings): StateArrays =>
  middleState(settings, {
    ...{ random: new KeyedRandom('derivatives'), by: 0.1, names: ['W_enc', 'b_enc', 'b_dec'] },
    means: [new Float64Array(WIDTH).fill(0.2)],
  });

const random = new KeyedRandom('derivatives', 'rows');
const rows = [Float32Array.from({ length: B * WIDTH }, () => random.nextNormal())];

/** Largest difference, relative to the largest value. */
function distance(a: Float32Array, b: Float32Array): number {
  const largest = a.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  return a.reduce((most, v, i) => Math.max(most, Math.abs(v - (b[i] ?? NaN))), 0) / largest;
}

describe("topk's backward by hand", () => {
  it.each([
    { kAux: 5, clipNorm: null, dead: 'some' },
    { kAux: 5, clipNorm: 0.01, dead: 'some' },
    { kAux: 40, clipNorm: null, dead: 'fewer than kAux' },
    { kAux: 0, clipNorm: null, dead: 'some, without AuxK' },
  ] as const)('is reverse mode with kAux $kAux, dead $dead', async ({ kAux, clipNorm }) => {
    const settings = { ...base, kAux, clipNorm };
    const before = middle(settings);
    const byHand = await runSteps(settings, before, { rows });
    const byReverse = await runSteps({ ...settings, derivatives: 'autodiff' }, before, { rows });
    for (const name of STEP_NUMBERS) {
      const [a, b] = [byHand.numbers[name]?.[0] ?? NaN, byReverse.numbers[name]?.[0] ?? NaN];
      expect(Math.abs(a - b), name).toBeLessThanOrEqual(2e-6 * Math.abs(a));
    }
    expect(byHand.numbers['aux']?.[0] === 0).toBe(kAux === 0);
    for (const { name } of parametersOf(settings)) {
      const [a, b] = [byHand, byReverse].map(({ state }) => state.get(`m.${name}`) as Float32Array);
      expect(
        a?.some((v) => v !== 0),
        name,
      ).toBe(true);
      expect(distance(a as Float32Array, b as Float32Array), name).toBeLessThan(2e-6);
    }
    expect(byReverse.state.get(SINCE_FIRED)).toEqual(byHand.state.get(SINCE_FIRED));
  });

  it('is reverse mode where nothing is dead: the auxiliary loss is 0 and moves nothing', async () => {
    const before = new Map(middle(base)).set(SINCE_FIRED, new BigInt64Array(FEATURES));
    const byHand = await runSteps(base, before, { rows });
    const byReverse = await runSteps({ ...base, derivatives: 'autodiff' }, before, { rows });
    expect([byHand, byReverse].map(({ numbers }) => numbers['aux'])).toEqual([[0], [0]]);
    for (const { name } of parametersOf(base)) {
      const [a, b] = [byHand, byReverse].map(({ state }) => state.get(`m.${name}`) as Float32Array);
      expect(distance(a as Float32Array, b as Float32Array), name).toBeLessThan(2e-6);
    }
  });

  it('stays with reverse mode over ten steps of training', async () => {
    const random10 = new KeyedRandom('derivatives', 'ten');
    const many = [Float32Array.from({ length: 10 * B * WIDTH }, () => random10.nextNormal())];
    const before = middle(base);
    const byHand = await runSteps(base, before, { rows: many, steps: 10, lr: 1e-3 });
    const byReverse = await runSteps({ ...base, derivatives: 'autodiff' }, before, { rows: many, steps: 10, lr: 1e-3 });
    for (const { name } of parametersOf(base)) {
      const [a, b] = [byHand, byReverse].map(({ state }) => state.get(name) as Float32Array);
      expect(distance(a as Float32Array, b as Float32Array), name).toBeLessThan(1e-4);
    }
  });
});
