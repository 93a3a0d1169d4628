// Whether a processor's products of bytes are exact, and what a training does where they are not.
import { describe, expect, it } from 'vitest';
import { type IntegerProducts, multipliesExactly } from '../../../dictionaries/integer-product.js';
import { trainingSettings } from '../../../dictionaries/step-settings.js';
import { DictionaryStep } from '../../../dictionaries/step.js';
import { SITE, parts, rowsOf } from './int8-training.js';

/** As AVX2 without VNNI multiplies: two products are added in 16 bits that saturate. */
function saturating({ weights, inputs, products, features, rows, width }: IntegerProducts): Promise<void> {
  const product = (f: number, j: number, b: number): number =>
    j < width ? (weights[f * width + j] as number) * (inputs[j * rows + b] as number) : 0;
  for (let f = 0; f < features; f++)
    for (let b = 0; b < rows; b++) {
      let sum = 0;
      for (let j = 0; j < width; j += 2)
        sum += Math.max(-32_768, Math.min(32_767, product(f, j, b) + product(f, j + 1, b)));
      products[f * rows + b] = sum;
    }
  return Promise.resolve();
}

describe('a processor whose products of bytes saturate', () => {
  it('is told from one that multiplies exactly', async () => {
    expect(await multipliesExactly(saturating)).toBe(false);
    const exactly = ({ weights, inputs, products, features, rows, width }: IntegerProducts): Promise<void> => {
      for (let f = 0; f < features; f++)
        for (let b = 0; b < rows; b++) {
          products[f * rows + b] = 0;
          for (let j = 0; j < width; j++)
            products[f * rows + b] =
              (products[f * rows + b] as number) +
              (weights[f * width + j] as number) * (inputs[j * rows + b] as number);
        }
      return Promise.resolve();
    };
    expect(await multipliesExactly(exactly)).toBe(true);
  });

  it('trains with exact candidates from the first step on, and says so', async () => {
    const given = parts({ candidates: 'int8', features: 128 });
    const { candidates: _, ...exactSettings } = trainingSettings(given);
    const refused = await DictionaryStep.create({ ...trainingSettings(given), threads: false }, () =>
      multipliesExactly(saturating),
    );
    const exact = await DictionaryStep.create({ ...exactSettings, threads: false });
    for (const step of [0, 1, 2, 3, 4]) {
      const batch = { reads: rowsOf(SITE, step), writes: rowsOf(SITE, step) };
      expect(await refused.train(batch, { step, lr: 1e-3 })).toEqual(await exact.train(batch, { step, lr: 1e-3 }));
    }
    expect(refused.recall?.told).toEqual({ recall: null, measured: 0, missed: 0, exactFrom: 0, because: 'processor' });
    expect(exact.recall).toBeNull();
    await refused.release();
    await exact.release();
  });
});
