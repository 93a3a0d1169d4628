// Φ and its inverse against scipy, from the far tails to the middle.
import { expect, it } from 'vitest';
import { erfc, normalCdf, normalQuantile } from '../../../core/statistics/normal.js';
import { golden } from './golden.js';

const relative = (a: number, b: number): number => (a === b ? 0 : Math.abs(a - b) / Math.abs(b));

it('Φ equals scipy.stats.norm.cdf within 1e-14 of its value', () => {
  golden.normal.x.forEach((x, i) => expect(relative(normalCdf(x), golden.normal.cdf[i] as number)).toBeLessThan(1e-14));
});

it('Φ⁻¹ equals scipy.stats.norm.ppf within 1e-14 of its value', () => {
  golden.normal.p.forEach((p, i) =>
    expect(relative(normalQuantile(p), golden.normal.quantile[i] as number), `p ${p}`).toBeLessThan(1e-14),
  );
});

it('the ends are infinite, what is no probability is NaN', () => {
  expect([0, 1, -0.1, 1.1, NaN].map(normalQuantile)).toEqual([-Infinity, Infinity, NaN, NaN, NaN]);
  expect([erfc(40), erfc(-40), normalCdf(-Infinity), normalCdf(Infinity)]).toEqual([0, 2, 0, 1]);
});
