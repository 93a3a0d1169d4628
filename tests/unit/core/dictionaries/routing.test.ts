// Routes of a frozen routed dictionary: a function of rows and seed, balanced also where clusters are of very different sizes, and a
// row goes to the centre with the least squared distance and price, ties to the lower expert.
import { describe, expect, it } from 'vitest';
import { computeRoutes, routeRows } from '../../../../core/dictionaries/routing/routes.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';
import { InputError } from '../../../../schemas/errors.js';

const WIDTH = 3;

/** Rows around four corners: 4, 3, 2 and 1 tenths of them. */
function makeRows(seed: number, count: number): { readonly values: Float32Array; readonly width: number } {
  const random = new KeyedRandom('routing', seed);
  const values = Float32Array.from({ length: count * WIDTH }, (_, at) => {
    const tenth = Math.floor(at / WIDTH) % 10;
    const corner = tenth < 4 ? 0 : tenth < 7 ? 1 : tenth < 9 ? 2 : 3;
    const centre = [corner & 1 ? 8 : -8, corner & 2 ? 8 : -8, 0][at % WIDTH] ?? 0;
    return centre + random.nextNormal();
  });
  return { values, width: WIDTH };
}

function loads(routes: Int32Array, experts: number): number[] {
  return Array.from({ length: experts }, (_, e) => routes.filter((route) => route === e).length);
}

describe('routes of a frozen dictionary', () => {
  it('are the same for the same rows and seed, and others for another seed', () => {
    const rows = makeRows(1, 400);
    const settings = { experts: 4, rounds: 5, seed: 3 };
    expect(computeRoutes(rows, settings)).toEqual(computeRoutes(rows, settings));
    expect(computeRoutes(rows, { ...settings, seed: 4 })).not.toEqual(computeRoutes(rows, settings));
  });

  it.each([4, 8, 16])('divide the sampled rows, and others like them, nearly evenly among %i experts', (experts) => {
    const rows = makeRows(1, 1600);
    const routes = computeRoutes(rows, { experts, rounds: 8, seed: 1 });
    const share = 1600 / experts;
    const sampled = loads(routeRows(rows, routes), experts);
    expect(sampled.reduce((a, b) => a + b)).toBe(1600);
    expect(Math.max(...sampled) / share, sampled.join(' ')).toBeLessThan(1.1);
    expect(Math.min(...sampled) / share, sampled.join(' ')).toBeGreaterThan(0.6);
    const others = loads(routeRows(makeRows(2, 1600), routes), experts);
    expect(Math.max(...others) / share, others.join(' ')).toBeLessThan(1.5);
    expect(Math.min(...others), others.join(' ')).toBeGreaterThan(0);
  });

  it('send a row where distance and price together are least, and of equal ones to the lower expert', () => {
    const centres = Float32Array.of(0, 0, 0, 2, 0, 0, 2, 0, 0);
    const rows = { values: Float32Array.of(0.5, 0, 0, 1, 9, 9, 1.5, 0, 0), width: WIDTH };
    expect([...routeRows(rows, { centres, prices: new Float32Array(3) })]).toEqual([0, 0, 1]);
    expect([...routeRows(rows, { centres, prices: Float32Array.of(3, 0.5, 0) })]).toEqual([2, 2, 2]);
  });

  it('need a row for every expert, and take rows that are all equal', () => {
    const rows = { values: new Float32Array(2 * WIDTH), width: WIDTH };
    expect(() => computeRoutes(rows, { experts: 4, rounds: 1, seed: 0 })).toThrow(InputError);
    expect(() => computeRoutes(rows, { experts: 4, rounds: 1, seed: 0 })).toThrow(
      'Expected at least as many sampled rows as experts (4), found 2.',
    );
    expect(computeRoutes(rows, { experts: 2, rounds: 3, seed: 0 }).centres).toEqual(new Float32Array(2 * WIDTH));
  });
});
