// Recall of candidates in 8 bits: by brute force over a step, over slices, on which rows, and when it ends them.
import { describe, expect, it } from 'vitest';
import type { DictionarySites } from '../../../core/dictionaries/sites.js';
import { Recall, WINDOW_STEPS, countFound } from '../../../dictionaries/recall.js';
import { rowsToMeasure } from '../../../dictionaries/slice/measured-rows.js';
import { readTensor } from '../../../dictionaries/state.js';
import { trainingSettings } from '../../../dictionaries/step-settings.js';
import { DictionaryStep } from '../../../dictionaries/step.js';
import { B, featureOf, exactHere, parts, rowsOf, setWeights } from './int8-training.js';

/** Where products of bytes saturate these trainings have exact candidates, and there is nothing to compare. */
const onThisProcessor = describe.runIf(exactHere);

onThisProcessor('recall', () => {
  it('is what brute force finds on the rows of a step', async () => {
    // Features of two dimensions, so many that 8 bits cannot tell neighbours apart.
    const sites: DictionarySites = { widths: [2], reads: [0], writes: [0] };
    const given = parts({ sites, features: 4096, candidates: 'int8', more: { auxK: 0 } });
    const step = await DictionaryStep.create({ ...trainingSettings({ ...given }), threads: false, slices: 2 });
    const angle = (f: number): number => (2 * Math.PI * f) / 4096;
    const W = Float32Array.from({ length: 4096 * 2 }, (_, i) =>
      i % 2 === 0 ? Math.cos(angle(i / 2)) : Math.sin(angle((i - 1) / 2)),
    );
    await setWeights(step, W, 2);
    const k = given.sae.k as number;
    const [x] = rowsOf(sites, 0) as [Float32Array];
    await step.train({ reads: [x], writes: [x] }, { step: 0, lr: 1e-3 });
    const rows = rowsToMeasure(0, B) as number[];
    let found = 0;
    for (const b of rows) {
      const scores = Array.from({ length: 4096 }, (_, f) => ({
        f,
        z: [0, 1].reduce((sum, j) => sum + (W[2 * f + j] as number) * (x[2 * b + j] as number), 0),
      }));
      const exact = new Set(
        scores
          .sort((p, q) => q.z - p.z || p.f - q.f)
          .slice(0, k)
          .map(({ f }) => f),
      );
      for (const { exchange } of step.links)
        for (const key of exchange.keys.subarray(b * k, b * k + (exchange.filled[b] as number)))
          if (key >= (exchange.least[b] as bigint) && exact.has(featureOf(key))) found++;
    }
    expect(step.recall?.told).toMatchObject({ measured: rows.length * k, missed: rows.length * k - found });
    expect(found).toBeLessThan(rows.length * k);
    for await (const values of readTensor(step, { name: 'fired_step', shape: [4096], type: 'int32' }))
      expect(values.some((last) => last === 0)).toBe(true);
    await step.release();
  });

  it('counts what is chosen among the largest of all slices', () => {
    const key = (value: number, feature: number): bigint => (BigInt(value) << 32n) | BigInt(~feature >>> 0);
    const keys = (...of: bigint[]): BigUint64Array => BigUint64Array.from(of);
    // k = 2, rows 0 and 1 of the batch, row 1 is measured. Exact: features 3 (of 9) and 8 (of 7). Chosen: 3 and 1.
    const first = {
      ...{ keys: keys(0n, 0n, key(9, 3), key(5, 1)), filled: Uint32Array.of(0, 2), least: keys(0n, key(5, 1)) },
      ...{ measuredKeys: keys(key(9, 3), key(5, 1)), measuredFilled: Uint32Array.of(2) },
    };
    const second = {
      ...{ keys: keys(0n, 0n, key(4, 9), 0n), filled: Uint32Array.of(0, 1), least: keys(0n, key(5, 1)) },
      ...{ measuredKeys: keys(key(7, 8), key(4, 9)), measuredFilled: Uint32Array.of(2) },
    };
    expect(countFound([first, second], [1], 2)).toEqual({ found: 1, wanted: 2 });
  });

  it('looks at rows of every fourth step, other ones each time, within the batch', () => {
    expect(rowsToMeasure(1, 2048)).toBeNull();
    expect(rowsToMeasure(0, 2048)).toEqual(Array.from({ length: 16 }, (_, i) => 128 * i));
    expect(rowsToMeasure(8, 2048)).toEqual(Array.from({ length: 16 }, (_, i) => 2 + 128 * i));
    expect(rowsToMeasure(4 * 5, 20)).toEqual(Array.from({ length: 16 }, (_, i) => i));
    expect(rowsToMeasure(0, 3)).toEqual([0, 1, 2]);
    for (let step = 0; step < 4000; step += 4) expect(Math.max(...(rowsToMeasure(step, 100) ?? []))).toBeLessThan(100);
  });

  it('below 99.9 % in a window ends candidates in 8 bits, of windows apart', () => {
    const recall = new Recall();
    recall.note({ found: 9990, wanted: 10_000 });
    recall.endStep(WINDOW_STEPS - 1);
    recall.note({ found: 0, wanted: 0 });
    recall.endStep(WINDOW_STEPS);
    expect(recall.exact).toBe(false);
    // 9,989 of 10,000 in this window, though 19,979 of 20,000 of all are more.
    recall.note({ found: 9989, wanted: 10_000 });
    recall.endStep(2 * WINDOW_STEPS);
    expect(recall.told).toEqual({ recall: 0.99895, measured: 20_000, missed: 21, exactFrom: 128, because: 'recall' });
  });
});
