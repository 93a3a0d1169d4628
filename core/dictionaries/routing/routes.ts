// Routes of frozen experts: balanced clusters of fit rows, found once before the experts are trained.
//
//   c_e [d]    centres: means of the rows of cluster e;  costs ‖x_n − c_e‖², but for ‖x_n‖², which is the same for all
//   p_e        prices under which clusters are equally large (balance.ts)
//   router     s = W x + b,  W_e = 2 c_e,  b_e = −‖c_e‖² − p_e:   argmax s = argmin ‖x − c_e‖² + p_e
//
// Lloyd's iterations with an assignment that is balanced every time, so that no cluster runs empty, from E rows drawn by key. The last
// prices are found longer. Costs come from matrix products that the caller computes.
// Test: tests/unit/core/dictionaries/routes.test.ts.
import { KeyedRandom } from '../../tensor/random.js';
import { DataError } from '../../../schemas/errors.js';
import { type Costs, assignRows, balancePrices } from './balance.js';

export interface RouteSettings {
  readonly experts: number;
  readonly width: number;
  /** Keys the rows that centres begin with. */
  readonly seed: number;
}

/** x Wᵀ + b [rows, E]. @param W [E, d] @param b [E] */
export type RouterProduct = (W: Float32Array, b: Float32Array) => Promise<Float32Array>;

export interface Routes {
  /** [E, d] */
  readonly W_router: Float32Array;
  /** [E] */
  readonly b_router: Float32Array;
  /** Mean of the rows of each expert [E, d]. */
  readonly means: Float32Array;
  /** Rows of the largest expert against an equal share. */
  readonly largestShare: number;
}

const ITERATIONS = 12;
const PASSES = 60;
const LAST_PASSES = 400;

/**
 * Balanced clusters of rows.
 * @param x rows [N, d], scaled @param product of these rows with a router
 * @throws DataError where there are fewer rows than experts
 */
export async function findRoutes(x: Float32Array, settings: RouteSettings, product: RouterProduct): Promise<Routes> {
  const { experts, width } = settings;
  const rows = x.length / width;
  if (rows < experts)
    throw new DataError(
      `Expected at least as many fit rows as experts (${experts}), found ${rows}. Lower saes.routed.experts or give more text.`,
      { rows, experts },
    );
  let centres = firstCentres(x, { rows, ...settings });
  let prices = new Float64Array(experts);
  for (let i = 0; i < ITERATIONS; i++) {
    const costs = await costsOf(centres, { rows, width, experts, product });
    prices = Float64Array.from(balancePrices(costs, prices, PASSES).prices);
    centres = meansOf(x, { ...assignRows(costs, prices), width, before: centres });
  }
  const costs = await costsOf(centres, { rows, width, experts, product });
  const last = balancePrices(costs, prices, LAST_PASSES);
  const found = assignRows(costs, last.prices);
  return {
    ...routerOf(centres, { prices: last.prices, width }),
    means: meansOf(x, { ...found, width, before: centres }),
    largestShare: last.largestShare,
  };
}

/** The affine form of centres and prices. */
function routerOf(
  centres: Float32Array,
  { prices, width }: { readonly prices: Float64Array; readonly width: number },
): Pick<Routes, 'W_router' | 'b_router'> {
  const b_router = Float32Array.from(prices, (price, e) => -squareOf(centres, e, width) - price);
  return { W_router: centres.map((value) => 2 * value), b_router };
}

function squareOf(centres: Float32Array, e: number, width: number): number {
  return centres.subarray(e * width, (e + 1) * width).reduce((sum, value) => sum + value * value, 0);
}

interface Sizes {
  readonly rows: number;
  readonly width: number;
  readonly experts: number;
}

/** ‖c_e‖² − 2 x_n · c_e [N, E]. */
async function costsOf(
  centres: Float32Array,
  { rows, width, experts, product }: Sizes & { readonly product: RouterProduct },
): Promise<Costs> {
  const b = Float32Array.from({ length: experts }, (_, e) => squareOf(centres, e, width));
  return { values: await product(centres.map((value) => -2 * value), b), rows, clusters: experts }; // prettier-ignore
}

/** E rows drawn without repetition. */
function firstCentres(x: Float32Array, { rows, experts, width, seed }: Sizes & RouteSettings): Float32Array {
  const order = new KeyedRandom('routes', seed, experts).permutation(rows);
  const centres = new Float32Array(experts * width);
  for (let e = 0; e < experts; e++) {
    const row = order[e] as number;
    centres.set(x.subarray(row * width, (row + 1) * width), e * width);
  }
  return centres;
}

interface Assigned {
  readonly cluster: Uint32Array;
  readonly counts: Uint32Array;
  readonly width: number;
  /** Kept where a cluster has no rows. */
  readonly before: Float32Array;
}

/** Means of the rows of each cluster, summed in float64 in the order of rows. */
function meansOf(x: Float32Array, { cluster, counts, width, before }: Assigned): Float32Array {
  const sums = new Float64Array(before.length);
  cluster.forEach((e, n) => {
    for (let j = 0; j < width; j++)
      sums[e * width + j] = (sums[e * width + j] as number) + (x[n * width + j] as number);
  });
  return Float32Array.from(sums, (sum, i) => {
    const count = counts[Math.floor(i / width)] ?? 0;
    return count === 0 ? (before[i] as number) : sum / count;
  });
}
