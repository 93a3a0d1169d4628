// Logistic regression against scikit-learn's (make_logistic.py > logistic.json), and by its own condition: no gradient at the end.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { fitLogistic, scoreOf } from '../../../core/statistics/logistic.js';

interface Case {
  readonly C: number;
  readonly columns: number;
  readonly values: readonly number[];
  readonly positive: readonly number[];
  readonly weights: readonly number[];
  readonly bias: number;
}

const cases = JSON.parse(readFileSync(new URL('logistic.json', import.meta.url), 'utf8')) as readonly Case[];

it.each(cases)('of $columns columns and C $C has the weights of scikit-learn', (of) => {
  const positive = Uint8Array.from(of.positive);
  const values = Float64Array.from(of.values);
  const found = fitLogistic({ rows: positive.length, columns: of.columns, values, positive }, of.C);
  expect(found.gradient).toBeLessThan(1e-7);
  of.weights.forEach((weight, j) => expect(found.weights[j]).toBeCloseTo(weight, 4));
  expect(found.bias).toBeCloseTo(of.bias, 4);
  const score = of.weights.reduce((sum, weight, j) => sum + weight * (of.values[j] ?? 0), of.bias);
  expect(scoreOf(found, values, 0)).toBeCloseTo(score, 3);
});
