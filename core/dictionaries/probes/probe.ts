// Linear probes: which columns they look at, how they are fitted, what they answer. Pure.
//
//   choice       the k columns of largest |mean over the class − mean over the others|, in raw units; `towards` takes no absolute value,
//                so that only columns that speak for the class are chosen. Ties: the lower number.
//   fit          logistic regression (core/statistics/logistic-regression.ts), C = 1, on columns divided by their deviation
//   answer       w·x + b > 0
//
// Source of choice and fit: Gurnee et al. (2023, arXiv 2305.01610, max mean difference) as in SAEBench's sparse probing (Karvonen et al.
// 2025, arXiv 2503.09532). Departure: columns are divided by their deviation over the fitted rows (SAEBench: raw units), so that the
// penalty weighs the same for features, for neurons and whatever the units of a model. Proof: tests/golden/probes.
import { fitLogistic } from '../../statistics/logistic-regression.js';
import type { Labelled, ProbeInputs } from './inputs.js';

export interface Probe {
  readonly columns: Uint32Array;
  /** By column, in raw units. */
  readonly weights: Float64Array;
  readonly bias: number;
}

/** C of every fit, scikit-learn's default. */
const STRENGTH = 1;

/** [columns]: mean over the class less mean over the others. */
export function meanDifferences(inputs: ProbeInputs, { rows, y }: Labelled): Float64Array {
  const sums = new Float64Array(inputs.columns);
  const own = y.reduce((n, value) => n + value, 0);
  rows.forEach((row, i) => {
    inputs.add(sums, row, y[i] === 1 ? 1 / own : -1 / (rows.length - own));
  });
  return sums;
}

/** Columns in the order in which they are chosen, at most `most`; only those with a difference. */
export function chooseColumns(differences: Float64Array, most: number, by: 'size' | 'towards'): Uint32Array {
  const worth = (column: number): number => {
    const value = differences[column] as number;
    return by === 'size' ? Math.abs(value) : value;
  };
  const chosen: number[] = [];
  for (let column = 0; column < differences.length; column++) {
    if (!(worth(column) > 0)) continue;
    if (chosen.length === most && worth(column) <= worth(chosen[most - 1] as number)) continue;
    let place = chosen.length;
    while (place > 0 && worth(chosen[place - 1] as number) < worth(column)) place--;
    chosen.splice(place, 0, column);
    if (chosen.length > most) chosen.pop();
  }
  return Uint32Array.from(chosen);
}

/** All columns. */
export function allColumns({ columns }: ProbeInputs): Uint32Array {
  return Uint32Array.from({ length: columns }, (_, column) => column);
}

export function fitProbe(inputs: ProbeInputs, columns: Uint32Array, { rows, y }: Labelled): Probe {
  const x = inputs.gather(rows, columns);
  const k = columns.length;
  const { means, deviations } = standardise(x, k);
  const { weights: scaled, bias } = fitLogistic({ x, columns: k, y, strength: STRENGTH });
  const weights = scaled.map((value, j) => (deviations[j] === 0 ? 0 : value / (deviations[j] as number)));
  return { columns, weights, bias: bias - weights.reduce((sum, value, j) => sum + value * (means[j] as number), 0) };
}

/** [rows]: above 0 where the probe says that a row is of the class. */
export function probeScores(inputs: ProbeInputs, { columns, weights, bias }: Probe, rows: Uint32Array): Float64Array {
  const x = inputs.gather(rows, columns);
  const k = columns.length;
  return Float64Array.from(rows, (_, i) => {
    let sum = bias;
    for (let j = 0; j < k; j++) sum += (x[i * k + j] as number) * (weights[j] as number);
    return sum;
  });
}

/** Columns to mean 0 and deviation 1, in place; a column that is constant becomes zeros. */
function standardise(x: Float64Array, k: number): { readonly means: Float64Array; readonly deviations: Float64Array } {
  const n = k === 0 ? 0 : x.length / k;
  const means = new Float64Array(k);
  const deviations = new Float64Array(k);
  for (let at = 0; at < x.length; at++) means[at % k] = (means[at % k] as number) + (x[at] as number) / n;
  for (let at = 0; at < x.length; at++) {
    x[at] = (x[at] as number) - (means[at % k] as number);
    deviations[at % k] = (deviations[at % k] as number) + (x[at] as number) ** 2 / n;
  }
  deviations.forEach((value, j) => {
    deviations[j] = Math.sqrt(value);
  });
  for (let at = 0; at < x.length; at++)
    x[at] = deviations[at % k] === 0 ? 0 : (x[at] as number) / (deviations[at % k] as number);
  return { means, deviations };
}
