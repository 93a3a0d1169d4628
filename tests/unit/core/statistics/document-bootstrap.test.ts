// Intervals from how often documents are drawn are those from sums by document, where a statistic can be told from sums.
import { describe, expect, it } from 'vitest';
import { bootstrapDraws, bootstrapIntervals, type Statistic } from '../../../../core/statistics/document-bootstrap.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';

const values = Float64Array.from([1, 4, 0, 2, 3, 3, 5, 10, 0, 1]);
const sums = { documents: 5, columns: 2, values };
const options = (): { readonly resamples: number; readonly random: KeyedRandom } => ({
  ...{ resamples: 300, random: new KeyedRandom('draws') },
});
const ratio: Statistic = ([own, all]) => (own as number) / (all as number);

describe('bootstrapDraws', () => {
  it('has the intervals of bootstrapIntervals for the same draws', () => {
    const found = bootstrapDraws(
      5,
      (draws) => {
        expect(draws.reduce((sum, n) => sum + n, 0)).toBe(5);
        const totals = [0, 1].map((c) => draws.reduce((sum, n, d) => sum + n * (values[2 * d + c] as number), 0));
        return Float64Array.of(ratio(Float64Array.from(totals)), totals[0] as number);
      },
      options(),
    );
    const [own] = bootstrapIntervals(sums, [ratio], options());
    expect(found[0]).toEqual(own);
    expect(found[1]?.lo).toBeLessThan(9);
    expect(found[1]?.hi).toBeGreaterThan(9);
  });

  it('has none of a single document, nor of a number that is never there', () => {
    expect(bootstrapDraws(1, () => Float64Array.of(1, 2), options())).toEqual([null, null]);
    expect(bootstrapDraws(5, () => Float64Array.of(NaN), options())).toEqual([null]);
  });
});
