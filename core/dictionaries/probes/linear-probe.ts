// A linear probe: logistic regression on standardised columns, so that its penalty does not depend on the units of activations. What
// it says of a row, and how right it is.
//
//   score = w·((x − μ) / σ) + b,  μ, σ of the fitted rows (σ 1 where a column does not vary);   the class where the score is above 0
//   direction in raw units: w / σ
//   balanced accuracy = ½ (tp / (tp + fn) + tn / (tn + fp))      F1 = 2 tp / (2 tp + fp + fn)
import { fitLogistic, type LinearModel, scoreOf } from '../../statistics/logistic.js';

export interface Probe {
  /** By raw values of the columns. */
  readonly model: LinearModel;
}

/** @param values [rows, columns] */
export function fitProbe(values: Float64Array, positive: Uint8Array): Probe {
  const rows = positive.length;
  const columns = values.length / Math.max(1, rows);
  const { mean, deviation } = momentsOf(values, rows, columns);
  const scaled = values.map(
    (value, at) => (value - (mean[at % columns] as number)) / (deviation[at % columns] as number),
  );
  const fitted = fitLogistic({ rows, columns, values: scaled, positive });
  const weights = fitted.weights.map((weight, j) => weight / (deviation[j] as number));
  const bias = weights.reduce((sum, weight, j) => sum - weight * (mean[j] as number), fitted.bias);
  return { model: { weights, bias, gradient: fitted.gradient } };
}

function momentsOf(values: Float64Array, rows: number, columns: number) {
  const mean = new Float64Array(columns);
  const deviation = new Float64Array(columns);
  for (let j = 0; j < columns; j++) {
    let [sum, squares] = [0, 0];
    for (let i = 0; i < rows; i++) sum += values[i * columns + j] as number;
    const own = sum / Math.max(1, rows);
    for (let i = 0; i < rows; i++) squares += ((values[i * columns + j] as number) - own) ** 2;
    mean[j] = own;
    deviation[j] = Math.sqrt(squares / Math.max(1, rows)) || 1;
  }
  return { mean, deviation };
}

/** 1 where the probe says the class [rows]. */
export function predict({ model }: Probe, values: Float64Array, rows: number): Uint8Array {
  return Uint8Array.from({ length: rows }, (_, row) => (scoreOf(model, values, row) > 0 ? 1 : 0));
}

/** tp, fp, fn, tn of some rows. */
export type Confusion = readonly [tp: number, fp: number, fn: number, tn: number];

/** Place of a row among the counts of a confusion. */
export function confusionPlace(positive: boolean, said: boolean): 0 | 1 | 2 | 3 {
  return positive ? (said ? 0 : 2) : said ? 1 : 3;
}

export function balancedAccuracy([tp, fp, fn, tn]: Confusion): number {
  return (tp / (tp + fn) + tn / (tn + fp)) / 2;
}

export function f1Of([tp, fp, fn]: Confusion): number {
  return tp === 0 ? 0 : (2 * tp) / (2 * tp + fp + fn);
}

export function confusionOf(positive: Uint8Array, said: Uint8Array): Confusion {
  const counts: [number, number, number, number] = [0, 0, 0, 0];
  positive.forEach((one, i) => counts[confusionPlace(one === 1, said[i] === 1)]++);
  return counts;
}
