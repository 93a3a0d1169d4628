// Probes against scikit-learn and absorption against its published rules written out in NumPy (make_probes.py).
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { absorbedOf } from '../../../core/dictionaries/probes/absorption.js';
import { denseInputs, type Labelled, type SparseRows } from '../../../core/dictionaries/probes/inputs.js';
import { chooseColumns, fitProbe, meanDifferences, probeScores } from '../../../core/dictionaries/probes/probe.js';
import { answersOf, balancedAccuracyOf, f1Of } from '../../../core/dictionaries/probes/scores.js';
import { fitLogistic } from '../../../core/statistics/logistic-regression.js';

type Rows = readonly (readonly number[])[];
interface Golden {
  readonly logistic: readonly {
    readonly kind: string;
    readonly x: Rows;
    readonly y: readonly number[];
    readonly C: number;
    readonly weights: readonly number[] | null;
    readonly coef: readonly number[];
    readonly intercept: number;
  }[];
  readonly probe: {
    readonly x: Rows;
    readonly y: readonly number[];
    readonly fit: number;
    readonly order: readonly number[];
    readonly towards: readonly number[];
    readonly ks: Readonly<
      Record<string, Record<'intercept' | 'f1' | 'balancedAccuracy', number> & { readonly coef: readonly number[] }>
    >;
  };
  readonly absorption: Readonly<Record<'acts' | 'decoder' | 'x', Rows>> & {
    readonly u: readonly number[];
    readonly main: readonly number[];
    readonly part: readonly number[];
    readonly by: readonly (number | null)[];
  };
}
const golden = JSON.parse(readFileSync(fileURLToPath(new URL('probes.json', import.meta.url)), 'utf8')) as Golden;

/** Two optima of one convex loss, each to rounding of its gradient. */
function expectClose(found: ArrayLike<number>, expected: readonly number[]): void {
  const scale = Math.max(...expected.map(Math.abs));
  expect(found.length).toBe(expected.length);
  for (const [i, value] of expected.entries())
    expect(Math.abs((found[i] as number) - value)).toBeLessThan(1e-7 * scale);
}

describe('logistic regression', () => {
  it.each(golden.logistic)('has the weights of scikit-learn: $kind', ({ x, y, C, weights, coef, intercept }) => {
    const found = fitLogistic({
      ...{ x: Float64Array.from(x.flat()), columns: coef.length, y: Uint8Array.from(y), strength: C },
      ...(weights && { rowWeights: Float64Array.from(weights) }),
    });
    expectClose([...found.weights, found.bias], [...coef, intercept]);
  });
});

describe('sparse probes', () => {
  const { x, y, fit, order, towards, ks } = golden.probe;
  const columns = x[0]?.length ?? 0;
  const inputs = denseInputs(Float32Array.from(x.flat()), columns);
  const rows = (from: number, to: number): Labelled => ({
    rows: Uint32Array.from({ length: to - from }, (_, i) => from + i),
    y: Uint8Array.from(y.slice(from, to)),
  });
  const [fitted, test] = [rows(0, fit), rows(fit, x.length)];
  const differences = meanDifferences(inputs, fitted);

  it('choose columns by their mean difference, none that is constant', () => {
    expect([...chooseColumns(differences, columns, 'size')].filter((column) => column !== 4)).toEqual(order);
    expect([...chooseColumns(differences, columns, 'towards')].filter((column) => column !== 4)).toEqual(towards);
    expect(Math.abs(differences[4] as number)).toBeLessThan(1e-12);
  });

  it.each(Object.entries(ks))('answer as those of scikit-learn do, on other rows: k = %s', (k, expected) => {
    const probe = fitProbe(inputs, Uint32Array.from(order.slice(0, Number(k))), fitted);
    expectClose([...probe.weights, probe.bias], [...expected.coef, expected.intercept]);
    const answers = answersOf(probeScores(inputs, probe, test.rows), test.y);
    expect(f1Of(answers)).toBeCloseTo(expected.f1, 12);
    expect(balancedAccuracyOf(answers)).toBeCloseTo(expected.balancedAccuracy, 12);
  });
});

describe('absorption', () => {
  it('is that of the published rules, row by row', () => {
    const { acts, decoder, u, x, main, part, by } = golden.absorption;
    const dot = (a: readonly number[], b: readonly number[]): number =>
      a.reduce((sum, value, i) => sum + value * (b[i] ?? NaN), 0);
    const dots = Float64Array.from(decoder, (row) => dot(row, u));
    const cosines = dots.map((value, i) => value / Math.sqrt(dot(decoder[i] ?? [], decoder[i] ?? [])));
    const of = { rows: sparse(acts), alignment: { dots, cosines }, main: new Set(main) };
    const found = x.map((row, i) => absorbedOf(of, i, dot(row, u)));
    expect(found.map((one) => one.by)).toEqual(by);
    expectClose(
      found.map((one) => one.part),
      part,
    );
    // All cases are there: none, some, whole, by one feature and by several.
    expect(new Set(part.map((value) => (value > 0 && value < 1 ? 'some' : value))).size).toBe(3);
    expect(by.some((feature, i) => feature === null && part[i] === 1)).toBe(true);
  });
});

function sparse(acts: Rows): SparseRows {
  const firing = acts.map((row) => row.flatMap((value, feature) => (value > 0 ? [{ feature, value }] : [])));
  const offsets = new Uint32Array(acts.length + 1);
  firing.forEach((row, i) => {
    offsets[i + 1] = (offsets[i] as number) + row.length;
  });
  return {
    offsets,
    feature: Uint32Array.from(firing.flat(), ({ feature }) => feature),
    value: Float32Array.from(firing.flat(), ({ value }) => value),
  };
}
