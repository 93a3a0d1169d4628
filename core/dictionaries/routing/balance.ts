// Prices that make clusters equally large: a row takes the cluster that is cheapest with its price.
//
//   e(n) = argmin_e  c_ne + p_e                     c [N, E] costs, p [E] prices, ties to the lower cluster
//   maximise over p   (1/N) Σ_n min_e (c_ne + p_e) − (1/E) Σ_e p_e
//   the derivative by p_e is  (share of rows of e) − 1/E:  at the maximum every cluster has N / E rows
//
// This is the dual of the assignment of N rows to E clusters of N / E rows each (the limit without entropy of Cuturi 2013's transport,
// arXiv 1306.0895). The function is concave and piecewise linear. It is climbed by the sign of the derivative alone, with a step
// for each price that grows while the sign stays and is halved when it turns (Rprop, Riedmiller and Braun 1993). The best prices seen
// are kept. Rows that are equal cannot be divided by any price: then the largest cluster says so.
// Test: tests/unit/core/dictionaries/routes.test.ts.

/** Costs of N rows in E clusters, row-major. */
export interface Costs {
  readonly values: Float32Array;
  readonly rows: number;
  readonly clusters: number;
}

export interface Prices {
  readonly prices: Float64Array;
  /** Rows of the largest cluster against an equal share; 1 is perfect. */
  readonly largestShare: number;
}

const GROWTH = 1.2;
const SHRINK = 0.5;
/** Shares this near to equal are left as they are. */
const CLOSE = 0.005;

/** The cluster of each row, and rows per cluster. */
export function assignRows(
  costs: Costs,
  prices: Float64Array,
): { readonly cluster: Uint32Array; readonly counts: Uint32Array } {
  const { values, rows, clusters } = costs;
  const cluster = new Uint32Array(rows);
  const counts = new Uint32Array(clusters);
  for (let n = 0, at = 0; n < rows; n++) {
    let best = 0;
    let least = Infinity;
    for (let e = 0; e < clusters; e++, at++) {
      const cost = (values[at] as number) + (prices[e] as number);
      if (cost < least) [least, best] = [cost, e];
    }
    cluster[n] = best;
    counts[best] = (counts[best] as number) + 1;
  }
  return { cluster, counts };
}

/** Prices under which clusters are as equal as can be. @param from prices to begin with @param passes over the rows at most */
export function balancePrices(costs: Costs, from: Float64Array, passes: number): Prices {
  const { clusters } = costs;
  const share = costs.rows / clusters;
  const prices = Float64Array.from(from);
  const steps = new Float64Array(clusters).fill(firstStep(costs));
  const signs = new Int8Array(clusters);
  let best: Prices = { prices: Float64Array.from(prices), largestShare: Infinity };
  for (let pass = 0; pass < passes; pass++) {
    const { counts } = assignRows(costs, prices);
    const largestShare = counts.reduce((most, count) => Math.max(most, count), 0) / share;
    if (largestShare < best.largestShare) best = { prices: Float64Array.from(prices), largestShare };
    if (counts.every((count) => Math.abs(count - share) <= Math.max(1, CLOSE * share))) break;
    for (let e = 0; e < clusters; e++) {
      const sign = Math.sign((counts[e] as number) - share);
      const turned = sign * (signs[e] as number);
      if (turned !== 0) steps[e] = (steps[e] as number) * (turned > 0 ? GROWTH : SHRINK);
      prices[e] = (prices[e] as number) + sign * (steps[e] as number);
      signs[e] = sign;
    }
  }
  return best;
}

/** A small part of what costs differ by: the mean cost less the mean of the least ones, over all clusters. */
function firstStep({ values, rows, clusters }: Costs): number {
  let total = 0;
  for (let n = 0, at = 0; n < rows; n++) {
    let [least, sum] = [Infinity, 0];
    for (let e = 0; e < clusters; e++, at++) {
      const cost = values[at] as number;
      least = Math.min(least, cost);
      sum += cost;
    }
    total += sum / clusters - least;
  }
  return total / rows / clusters || 1;
}
