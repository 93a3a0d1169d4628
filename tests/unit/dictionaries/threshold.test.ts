// θ of kinds that choose over a batch is exact also where one batch has more scores above it than a batch keeps candidates.
import { describe, expect, it } from 'vitest';
import { ARCHITECTURES } from '../../../core/dictionaries/architectures.js';
import { computeThreshold } from '../../../core/dictionaries/calib-threshold.js';
import { initialParameters } from '../../../core/dictionaries/initialise.js';
import { completeSettings } from '../../../core/dictionaries/settings.js';
import { oneSite } from '../../../core/dictionaries/sites.js';
import { trainedOf } from '../../../core/dictionaries/state.js';
import { KeyedRandom } from '../../../core/tensor/random.js';
import { writeTensor } from '../../../dictionaries/state.js';
import { type BatchRows, DictionaryStep } from '../../../dictionaries/step.js';
import { trainingSettings } from '../../../dictionaries/step-settings.js';
import { batchThresholdOf, type ScoredBatches } from '../../../dictionaries/threshold.js';

const [FEATURES, WIDTH, ROWS, BATCHES, K] = [256, 20, 32, 8, 1];
/** Rows of the first batch, and of those of the others that count. */
const LAST = 11;

/** Rows of each batch; the first batch's are `loud` times as long. */
function batchesOf(loud: number): BatchRows[] {
  const random = new KeyedRandom('threshold');
  return Array.from({ length: BATCHES }, (_, batch) => {
    const rows = Float32Array.from({ length: ROWS * WIDTH }, () => random.nextNormal() * (batch === 0 ? loud : 1));
    return { reads: [rows], writes: [rows] };
  });
}

const countOf = (batch: number): number => (batch === BATCHES - 1 ? LAST : ROWS);

async function openStep(slices: number): Promise<DictionaryStep> {
  const shape = { sites: oneSite(WIDTH), features: FEATURES, kind: ARCHITECTURES.batchtopk };
  const sae = completeSettings(
    {
      ...{ architecture: 'batchtopk', features: FEATURES, k: K, tokens: 10_000, batchRows: ROWS, slices },
      ...{ lr: null, warmupSteps: null, decayFraction: 0.2, betas: null, epsilon: 1e-8, clipNorm: null },
      ...{ auxK: null, auxWeight: 1 / 32, deadAfterTokens: null, logEverySteps: 10, seed: 3 },
    },
    WIDTH,
  );
  const engine = { threads: 1, optimisation: 'all' } as const;
  const step = await DictionaryStep.create({
    ...trainingSettings({ shape, sae, engine, variance: 1 }),
    threads: false,
  });
  const values = initialParameters({ ...shape, settings: sae }, 3, [new Float64Array(WIDTH)]);
  for (const { name, shape: axes } of trainedOf(shape)) {
    const size = axes.slice(1).reduce((a, b) => a * b, 1);
    await writeTensor(step, { name, shape: axes, type: 'float32' }, (from, count) =>
      Promise.resolve((values.get(name) as Float32Array).slice(from * size, (from + count) * size)),
    );
  }
  return step;
}

function scored(step: DictionaryStep, rows: readonly BatchRows[], asked: number[] = []): ScoredBatches {
  return {
    count: rows.length,
    largest: (batch) => step.largestScores(rows[batch] as BatchRows, countOf(batch)),
    above: (batch, from) => {
      asked.push(batch);
      return step.scoresAbove(rows[batch] as BatchRows, from, countOf(batch));
    },
  };
}

describe.each([1, 2])('the threshold over %d slices', (slices) => {
  it.each([
    { loud: 1, again: [] },
    { loud: 50, again: [0] },
  ])('has exactly k scores a row above it, the first batch $loud times as loud', async ({ loud, again }) => {
    const step = await openStep(slices);
    const rows = batchesOf(loud);
    const all: Float32Array[] = [];
    for (const [batch, own] of rows.entries()) all.push(await step.scoresAbove(own, 0, countOf(batch)));
    // About half of all scores are above 0.
    const positive = all.reduce((sum, { length }) => sum + length, 0);
    const counted = (ROWS * (BATCHES - 1) + LAST) * FEATURES;
    expect(positive / counted).toBeGreaterThan(0.4);
    expect(positive / counted).toBeLessThan(0.6);

    const wanted = K * (ROWS * (BATCHES - 1) + LAST);
    const asked: number[] = [];
    const theta = await batchThresholdOf(scored(step, rows, asked), wanted);
    expect(theta).toBe(await computeThreshold(() => all, wanted));
    expect(all.reduce((sum, values) => sum + values.filter((value) => value > theta).length, 0)).toBe(wanted);
    expect(asked).toEqual(again);
    await step.release();
  });

  it('would be wrong from what a batch keeps alone', async () => {
    const step = await openStep(slices);
    const rows = batchesOf(50);
    const { values, limit } = await step.largestScores(rows[0] as BatchRows, ROWS);
    const all = await step.scoresAbove(rows[0] as BatchRows, 0, ROWS);
    expect(limit).toBeGreaterThan(0);
    expect(values.length).toBeLessThan(all.length);
    // What is kept is all that lies above the limit, in every slice.
    expect(values.filter((value) => value > limit).sort()).toEqual(all.filter((value) => value > limit).sort());
    await step.release();
  });
});
