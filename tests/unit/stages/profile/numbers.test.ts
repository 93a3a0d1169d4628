// Token share and co-firing neighbours equal their equations, computed without any of the product's shortcuts.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FiringRows } from '../../../../stages/profile/together.js';
import { TokenShare } from '../../../../stages/profile/token-share.js';

const testRows = fc.array(fc.record({ token: fc.nat(4), value: fc.integer({ min: 0, max: 8 }).map((v) => v / 4) }), {
  maxLength: 40,
});

it('the token share leaves a row out of the mean that explains it', () => {
  fc.assert(
    fc.property(testRows, (rows) => {
      const counts = new Uint32Array(5);
      for (const { token } of rows) counts[token] = (counts[token] ?? 0) + 1;
      const share = new TokenShare(counts);
      for (const { token, value } of rows) share.add(token, value);
      const explained = rows.map(({ token, value }, r) => {
        const others = rows.filter((other, o) => o !== r && other.token === token);
        const mean = others.length === 0 ? 0 : others.reduce((sum, other) => sum + other.value, 0) / others.length;
        return Math.min(value, mean);
      });
      const mass = rows.reduce((sum, { value }) => sum + value, 0);
      const expected = explained.reduce((a, b) => a + b, 0) / mass;
      const found = share.close();
      if (mass === 0) expect(found).toBeNaN();
      else expect(found).toBeCloseTo(expected, 12);
      // The next feature starts from nothing.
      expect(share.close()).toBeNaN();
    }),
  );
});

it('a feature that is a function of its token is explained whole, one that fires by chance at its density', () => {
  const always = new TokenShare(Uint32Array.of(4, 4));
  for (let i = 0; i < 4; i++) always.add(0, 2);
  expect(always.close()).toBe(1);
  const half = new TokenShare(Uint32Array.of(1000));
  for (let i = 0; i < 500; i++) half.add(0, 1);
  // (500 − 1) / (1000 − 1)
  expect(half.close()).toBeCloseTo(499 / 999, 12);
  const once = new TokenShare(Uint32Array.of(1));
  once.add(0, 3);
  expect(once.close()).toBe(0);
});

const firingRows = fc.array(
  fc.uniqueArray(fc.nat(14), { maxLength: 6 }).map((row) => Uint32Array.from(row.sort((a, b) => a - b))),
  { maxLength: 60 },
);

it('neighbours by firing are the greatest positive correlations of the two firings, ties by the lower feature', () => {
  fc.assert(
    fc.property(firingRows, (rows) => {
      const firing = new FiringRows(15, 4);
      for (const row of rows) firing.add(row);
      const fires = (feature: number, row: Uint32Array): number => (row.includes(feature) ? 1 : 0);
      const mean = (of: (row: Uint32Array) => number): number =>
        rows.reduce((sum, row) => sum + of(row), 0) / rows.length;
      const phi = (i: number, j: number): number => {
        const [a, b] = [mean((row) => fires(i, row)), mean((row) => fires(j, row))];
        const covariance = mean((row) => (fires(i, row) - a) * (fires(j, row) - b));
        return covariance / Math.sqrt(a * (1 - a) * b * (1 - b));
      };
      const found = [...firing.neighbours(0, 15)];
      for (let i = 0; i < 15; i++) {
        const own = found[i] ?? [];
        const expected = Array.from({ length: 15 }, (_, j) => ({ j, value: j === i ? NaN : phi(i, j) }))
          .filter(({ value }) => value > 1e-9)
          .sort((a, b) => b.value - a.value);
        expect(own.length).toBe(Math.min(10, expected.length));
        own.forEach(({ feature, value, n }, at) => {
          expect(value).toBeCloseTo(expected[at]?.value ?? NaN, 6);
          expect(value).toBeCloseTo(phi(i, feature), 6);
          expect(n).toBe(rows.filter((row) => row.includes(i) && row.includes(feature)).length);
          const next = own[at + 1];
          if (next) expect(next.value < value || next.feature > feature).toBe(true);
        });
      }
      expect([...firing.neighbours(4, 9)]).toEqual(found.slice(4, 9));
    }),
    { numRuns: 60 },
  );
});
