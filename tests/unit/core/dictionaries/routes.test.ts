// Balanced clusters: shares are equal on rows with and without clusters, rows near a centre keep together, and the router is the
// argmin of distance and price.
import { describe, expect, it } from 'vitest';
import { assignRows, balancePrices } from '../../../../core/dictionaries/routing/balance.js';
import { findRoutes, type Routes } from '../../../../core/dictionaries/routing/routes.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';

const WIDTH = 8;

/** x Wᵀ + b in float64, rounded. */
function productOf(x: Float32Array, width: number) {
  return (W: Float32Array, b: Float32Array): Promise<Float32Array> => {
    const [rows, experts] = [x.length / width, b.length];
    const out = new Float32Array(rows * experts);
    for (let n = 0; n < rows; n++)
      for (let e = 0; e < experts; e++) {
        let sum = b[e] as number;
        for (let j = 0; j < width; j++) sum += (x[n * width + j] as number) * (W[e * width + j] as number);
        out[n * experts + e] = sum;
      }
    return Promise.resolve(out);
  };
}

/** Rows around centres of their own, of very unequal numbers. */
function clustered(sizes: readonly number[], seed = 1): { readonly x: Float32Array; readonly label: number[] } {
  const random = new KeyedRandom('clustered', seed);
  const centres = sizes.map(() => Array.from({ length: WIDTH }, () => 6 * random.nextNormal()));
  const label = sizes.flatMap((size, c) => Array.from({ length: size }, () => c));
  const x = Float32Array.from({ length: label.length * WIDTH }, (_, i) => {
    const centre = centres[label[Math.floor(i / WIDTH)] as number] as number[];
    return (centre[i % WIDTH] as number) + random.nextNormal();
  });
  return { x, label };
}

function plain(rows: number, seed = 2): Float32Array {
  const random = new KeyedRandom('plain', seed);
  return Float32Array.from({ length: rows * WIDTH }, () => random.nextNormal());
}

async function sharesOf(x: Float32Array, routes: Routes): Promise<number[]> {
  const experts = routes.b_router.length;
  const scores = await productOf(x, WIDTH)(routes.W_router, routes.b_router);
  const costs = { values: scores.map((s) => -s), rows: x.length / WIDTH, clusters: experts };
  const { counts } = assignRows(costs, new Float64Array(experts));
  return [...counts].map((count) => (count * experts) / costs.rows);
}

const find = (x: Float32Array, experts: number, seed = 0): Promise<Routes> =>
  findRoutes(x, { experts, width: WIDTH, seed }, productOf(x, WIDTH));

describe('routes of frozen experts', () => {
  it.each([
    ['rows without clusters', plain(4000), 8],
    ['rows without clusters, many experts', plain(6400), 64],
    ['clusters of the number of experts', clustered([500, 500, 500, 500]).x, 4],
    ['clusters of very unequal sizes', clustered([3000, 600, 300, 100]).x, 4],
    ['fewer clusters than experts', clustered([3000, 1000]).x, 16],
    ['more clusters than experts', clustered([900, 50, 50, 400, 400, 100, 100]).x, 3],
  ])('give every expert its share of %s', async (_, x, experts) => {
    const routes = await find(x, experts);
    const shares = await sharesOf(x, routes);
    expect(Math.max(...shares)).toBeLessThan(1.1);
    expect(Math.min(...shares)).toBeGreaterThan(0.85);
    expect(routes.largestShare).toBeCloseTo(Math.max(...shares), 1);
  });

  it('hold for rows of the same source that they were not found on', async () => {
    const routes = await find(plain(8000, 3), 8);
    expect(Math.max(...(await sharesOf(plain(8000, 4), routes)))).toBeLessThan(1.1);
  });

  it('keep clusters of equal size together', async () => {
    const { x, label } = clustered([400, 400, 400, 400]);
    const routes = await find(x, 4);
    const scores = await productOf(x, WIDTH)(routes.W_router, routes.b_router);
    const { cluster } = assignRows(
      { values: scores.map((s) => -s), rows: label.length, clusters: 4 },
      new Float64Array(4),
    );
    // Each label's rows have one expert, but for a few at the edges.
    for (let c = 0; c < 4; c++) {
      const own = new Uint32Array(4);
      label.forEach((of, n) => {
        if (of === c) own[cluster[n] as number] = (own[cluster[n] as number] ?? 0) + 1;
      });
      expect(Math.max(...own)).toBeGreaterThan(390);
    }
  });

  it('are the same for the same rows and seed, and others for another seed', async () => {
    const x = plain(2000);
    const [a, b, c] = [await find(x, 8), await find(x, 8), await find(x, 8, 1)];
    expect(b).toEqual(a);
    expect(c.W_router).not.toEqual(a.W_router);
  });

  it('state the means of the rows of each expert', async () => {
    const x = plain(1000);
    const { W_router, b_router, means } = await find(x, 2);
    const scores = await productOf(x, WIDTH)(W_router, b_router);
    const own = Array.from({ length: 1000 }, (_, n) => (scores[2 * n] as number) >= (scores[2 * n + 1] as number));
    const mean =
      own.reduce((sum, mine, n) => sum + (mine ? (x[n * WIDTH] as number) : 0), 0) / own.filter(Boolean).length;
    expect(means[0]).toBeCloseTo(mean, 2);
  });

  it('say how unequal shares stay where rows are all alike', async () => {
    const { largestShare } = await find(new Float32Array(100 * WIDTH).fill(1), 4);
    expect(largestShare).toBe(4);
  });

  it('are refused for fewer rows than experts', async () => {
    await expect(find(plain(3), 4)).rejects.toThrow(
      'Expected at least as many fit rows as experts (4), found 3. Lower saes.routed.experts or give more text.',
    );
  });
});

describe('prices', () => {
  it('leave what is balanced alone, and ties go to the lower cluster', () => {
    const values = Float32Array.of(0, 1, 1, 0, 0.5, 0.5);
    const { cluster } = assignRows({ values, rows: 3, clusters: 2 }, new Float64Array(2));
    expect([...cluster]).toEqual([0, 1, 0]);
    const balanced = balancePrices({ values: values.subarray(0, 4), rows: 2, clusters: 2 }, new Float64Array(2), 10);
    expect(balanced).toEqual({ prices: new Float64Array(2), largestShare: 1 });
  });
});
