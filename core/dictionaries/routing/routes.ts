// Routes of a frozen routed dictionary: centres of balanced clusters of activations, and the expert that a row belongs to.
//
//   symbols: N sampled fit rows x [N, d] (scaled), E experts, c [E, d] centres, p [E] prices, n_e rows of expert e
//   route    argmin_e ‖x − c_e‖² + p_e, ties to the lower expert: a row's expert depends on the row alone
//   start    k-means++: the first centre a row drawn uniformly, each next with probability ∝ its squared distance to the nearest; p = 0
//   round    p for the present centres, then c_e = the mean of the rows routed to e; at the end p once more
//   prices   ascent of the dual of the balanced assignment: p_e ← p_e + η_t (n_e E / N − 1), η_t = mean_n min_e ‖x_n − c_e‖² / (1 + t / 4);
//            of all p on the way the one with the smallest largest n_e is kept
//
// Without prices the nearest centre decides, and dense clusters take most of the rows, others none; a price makes a crowded expert
// dearer by the same amount for every row. Everything is float64 in the order of rows, so the result is a function of rows and seed.
// Source: Lloyd 1982; Arthur and Vassilvitskii 2007 (k-means++); clusters of given sizes are cells of a power diagram (Aurenhammer,
// Hoffmann, Aronov 1998, "Minkowski-type theorems and least-squares clustering"). Departures: a fixed number of ascent steps instead of an
// exact assignment, so balance is near and not exact. Proof: tests/unit/core/dictionaries/routing.test.ts.
import { KeyedRandom } from '../../tensor/random.js';
import { InputError } from '../../../schemas/errors.js';

/** Rows [count, width], row after row. */
export interface RouteRows {
  readonly values: Float32Array;
  readonly width: number;
}

export interface RouteSettings {
  readonly experts: number;
  /** Rounds of prices and means. */
  readonly rounds: number;
  readonly seed: number;
}

/** Where experts lie, float32. */
export interface Routes {
  /** c [E, d]. */
  readonly centres: Float32Array;
  /** p [E]: what is added to the squared distance to a centre. */
  readonly prices: Float32Array;
}

/** Centres and prices that divide the rows nearly evenly. @throws InputError where there are fewer rows than experts */
export function computeRoutes(rows: RouteRows, { experts, rounds, seed }: RouteSettings): Routes {
  const count = rows.values.length / rows.width;
  if (count < experts) {
    const text = `Expected at least as many sampled rows as experts (${experts}), found ${count}. Lower routed.experts, or give the fit split more rows.`;
    throw new InputError(text, { experts, rows: count });
  }
  let centres = startCentres(rows, experts, new KeyedRandom('routes', 'start', seed));
  let prices = new Float64Array(experts);
  for (let round = 0; round < rounds; round++) {
    const distances = distancesOf(rows, centres);
    prices = balancedPrices(distances, prices);
    centres = meansOf(rows, cheapest(distances, prices), centres);
  }
  // As they are stored, so that prices belong to the stored centres.
  const stored = Float32Array.from(centres);
  const last = balancedPrices(distancesOf(rows, Float64Array.from(stored)), prices);
  return { centres: stored, prices: Float32Array.from(last) };
}

/** The expert of each row. */
export function routeRows(rows: RouteRows, { centres, prices }: Routes): Int32Array {
  return cheapest(distancesOf(rows, Float64Array.from(centres)), Float64Array.from(prices));
}

/** ‖x_n − c_e‖² of every row and expert [N, E]. */
function distancesOf(rows: RouteRows, centres: Float64Array): Float64Array {
  const { values, width } = rows;
  const experts = centres.length / width;
  const distances = new Float64Array((values.length / width) * experts);
  for (let at = 0; at < distances.length; at++)
    distances[at] = distanceOf(rows, Math.floor(at / experts), { centres, e: at % experts });
  return distances;
}

/** argmin_e of distance and price for each row. */
function cheapest(distances: Float64Array, prices: Float64Array): Int32Array {
  const experts = prices.length;
  const routes = new Int32Array(distances.length / experts);
  for (let n = 0; n < routes.length; n++) {
    let least = Infinity;
    for (let e = 0; e < experts; e++) {
      const cost = (distances[n * experts + e] as number) + (prices[e] as number);
      // Only cheaper ones replace: ties stay with the lower expert.
      if (cost < least) [least, routes[n]] = [cost, e];
    }
  }
  return routes;
}

const ASCENT_STEPS = 200;

/** Prices by which the rows are divided most evenly, from given ones on. */
function balancedPrices(distances: Float64Array, from: Float64Array): Float64Array<ArrayBuffer> {
  const experts = from.length;
  const share = distances.length / experts / experts;
  const nearest = new Float64Array(distances.length / experts);
  for (let n = 0; n < nearest.length; n++) {
    nearest[n] = distances.subarray(n * experts, (n + 1) * experts).reduce((a, b) => Math.min(a, b), Infinity);
  }
  const scale = nearest.reduce((a, b) => a + b, 0) / nearest.length;
  const prices = Float64Array.from(from);
  let best = { crowd: Infinity, prices: Float64Array.from(prices) };
  for (let t = 0; t < ASCENT_STEPS; t++) {
    const loads = new Float64Array(experts);
    for (const e of cheapest(distances, prices)) loads[e] = (loads[e] as number) + 1;
    const crowd = loads.reduce((a, b) => Math.max(a, b), 0);
    if (crowd < best.crowd) best = { crowd, prices: Float64Array.from(prices) };
    if (crowd <= Math.ceil(share)) break;
    const eta = scale / (1 + t / 4);
    loads.forEach((load, e) => (prices[e] = (prices[e] as number) + eta * (load / share - 1)));
  }
  return best.prices;
}

/** ‖x_n − c_e‖² in float64. */
function distanceOf(
  { values, width }: RouteRows,
  n: number,
  { centres, e }: { readonly centres: Float64Array; readonly e: number },
): number {
  let sum = 0;
  for (let j = 0; j < width; j++) sum += ((values[n * width + j] as number) - (centres[e * width + j] as number)) ** 2;
  return sum;
}

function startCentres(rows: RouteRows, experts: number, random: KeyedRandom): Float64Array<ArrayBuffer> {
  const { values, width } = rows;
  const count = values.length / width;
  const centres = new Float64Array(experts * width);
  const nearest = new Float64Array(count).fill(Infinity);
  let chosen = Math.min(count - 1, Math.floor(random.nextFloat() * count));
  for (let e = 0; e < experts; e++) {
    centres.set(values.subarray(chosen * width, (chosen + 1) * width), e * width);
    let total = 0;
    for (let n = 0; n < count; n++) {
      nearest[n] = Math.min(nearest[n] as number, distanceOf(rows, n, { centres, e }));
      total += nearest[n] as number;
    }
    // Rows that are all centres already: any row will do.
    chosen = total > 0 ? drawn(nearest, random.nextFloat() * total) : (chosen + 1) % count;
  }
  return centres;
}

/** The index at which the running sum passes `mark`. */
function drawn(weights: Float64Array, mark: number): number {
  let sum = 0;
  let last = 0;
  for (const [i, weight] of weights.entries()) {
    if (weight === 0) continue;
    sum += weight;
    last = i;
    if (sum > mark) return i;
  }
  return last;
}

/** The mean of each expert's rows; an expert without rows keeps its centre. */
function meansOf({ values, width }: RouteRows, assigned: Int32Array, before: Float64Array): Float64Array<ArrayBuffer> {
  const sums = new Float64Array(before.length);
  const counts = new Float64Array(before.length / width);
  for (const [n, e] of assigned.entries()) {
    counts[e] = (counts[e] as number) + 1;
    for (let j = 0; j < width; j++) {
      const at = e * width + j;
      sums[at] = (sums[at] as number) + (values[n * width + j] as number);
    }
  }
  return sums.map((sum, at) => {
    const count = counts[Math.floor(at / width)] as number;
    return count > 0 ? sum / count : (before[at] as number);
  });
}
