// The threshold at which k features fire per row is exact: by the sorted values, however they are cut into pieces and merged, with
// ties, with negative values, with fewer positive values than wanted.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  computeThreshold,
  countValues,
  emptyHistogram,
  findBin,
  mergeHistograms,
  thresholdOf,
} from '../../../../core/dictionaries/calib-threshold.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';
import { DataError } from '../../../../schemas/errors.js';

const fired = (values: Float32Array, threshold: number): number =>
  values.filter((value) => value > threshold && value > 0).length;

describe('the threshold that calib sets', () => {
  it('lets exactly k features fire per row on average where no two values are equal', async () => {
    const random = new KeyedRandom('threshold');
    const [rows, features, k] = [500, 64, 5];
    const values = Float32Array.from({ length: rows * features }, () => random.nextNormal());
    const threshold = await computeThreshold(() => [values], rows * k);
    expect(fired(values, threshold)).toBe(rows * k);
  });

  it('is the value of its rank, for any values and any rank', async () => {
    const float = fc.float({ noNaN: true, noDefaultInfinity: true });
    await fc.assert(
      fc.asyncProperty(fc.array(float, { maxLength: 60 }), fc.nat(70), async (list, firings) => {
        const values = Float32Array.from(list);
        const positive = [...values].filter((v) => v > 0).sort((a, b) => b - a);
        expect(await computeThreshold(() => [values], firings)).toBe(positive[firings] ?? 0);
        expect(fired(values, positive[firings] ?? 0)).toBeLessThanOrEqual(Math.max(firings, 0));
      }),
    );
  });

  it('does not depend on how values are cut into pieces, which merge by adding counts', () => {
    const random = new KeyedRandom('threshold', 'merge');
    const values = Float32Array.from({ length: 3000 }, () => random.nextNormal());
    const pieces = [values.subarray(0, 7), values.subarray(7, 2000), values.subarray(2000)];
    const count = (bin: number | null, of: readonly Float32Array[]) =>
      mergeHistograms(
        of.map((piece) => {
          const histogram = emptyHistogram(bin);
          countValues(histogram, piece);
          return histogram;
        }),
      );
    const rank = findBin(count(null, pieces), 400) as NonNullable<ReturnType<typeof findBin>>;
    expect(rank).toEqual(findBin(count(null, [values]), 400));
    const theta = thresholdOf(count(rank.bin, [...pieces].reverse()), rank, 400);
    expect(theta).toBe([...values].sort((a, b) => b - a)[400]);
    expect(() => mergeHistograms([emptyHistogram(null), emptyHistogram(3)])).toThrow(DataError);
    expect(() => thresholdOf(emptyHistogram(rank.bin), rank, 400)).toThrow('Expected the second pass');
  });

  it('refuses NaN and infinity, and passes over zeros of both signs', () => {
    const histogram = emptyHistogram(null);
    countValues(histogram, Float32Array.of(0, -0, -1, -Number.MAX_VALUE / 1e300));
    expect(histogram.counts.every((count) => count === 0)).toBe(true);
    for (const bad of [NaN, Infinity]) expect(() => countValues(histogram, Float32Array.of(1, bad))).toThrow(DataError);
  });
});
