// Controls and measured rows: every control and a dictionary give the numbers of plain float64 loops; FVU of rows with a large mean
// equals a brute-force computation; the eigenvectors are those of Jacobi rotations.
import { describe, expect, it } from 'vitest';
import { ARCHITECTURES } from '../../../../core/dictionaries/architectures.js';
import { CONTROL_NAMES, controlSubject, type ControlName } from '../../../../core/dictionaries/controls.js';
import {
  buildMeasureGraph,
  dictionarySubject,
  NUMBERS,
  OUTPUTS,
  subjectFeed,
  type Subject,
} from '../../../../core/dictionaries/evaluate-graph.js';
import { leadingEigenvectors } from '../../../../core/dictionaries/pca.js';
import { oneSite } from '../../../../core/dictionaries/sites.js';
import { rowsFeed } from '../../../../core/dictionaries/step-graph.js';
import { symmetricEigen } from '../../../../core/dictionaries/symmetric-eigen.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';
import { Session, type TensorValue } from '../../../../runtime/session.js';

const [D, F, K, B] = [6, 10, 2, 40];
const MEAN = 50;

const random = new KeyedRandom('controls', 'rows');
const rows = Float32Array.from({ length: B * D }, (_, i) => MEAN + ((i % D) + 1) * random.nextNormal());
const x = (b: number, j: number): number => rows[b * D + j] as number;

function covariance(): Float64Array {
  const mean = Float64Array.from({ length: D }, (_, j) => sum(B, (b) => x(b, j)) / B);
  return Float64Array.from({ length: D * D }, (_, at) => {
    const [i, j] = [Math.floor(at / D), at % D];
    return sum(B, (b) => (x(b, i) - (mean[i] as number)) * (x(b, j) - (mean[j] as number))) / B;
  });
}

function sum(n: number, each: (i: number) => number): number {
  let total = 0;
  for (let i = 0; i < n; i++) total += each(i);
  return total;
}

const U = symmetricEigen(covariance(), D).vectors;
const mu = Float32Array.from({ length: D }, () => MEAN);

function feedsOf(subject: Subject): Map<string, Float32Array> {
  const own = new KeyedRandom('controls', subject.name);
  return new Map(
    subject.tensors.map(({ name, shape }) => {
      const size = shape.reduce((a, b) => a * b, 1);
      if (name === 'mean' || name === 'b_dec') return [name, mu];
      if (name === 'U') return [name, Float32Array.from(U.subarray(0, size))];
      return [name, Float32Array.from({ length: size }, () => own.nextNormal())];
    }),
  );
}

async function measure(subjects: readonly Subject[], counted: string): Promise<Record<string, TensorValue>> {
  const g = buildMeasureGraph({ sites: oneSite(D), batchRows: B, subjects, counted });
  const session = await Session.create(g.toModelBytes(), { provider: 'cpu', threads: 1, optimisation: 'all' });
  const feeds: Record<string, TensorValue> = { [rowsFeed(0)]: { dtype: 'float32', dims: [B, D], data: rows } };
  for (const subject of subjects)
    for (const { name, shape } of subject.tensors)
      feeds[subjectFeed(subject.name, name)] = {
        ...{ dtype: 'float32', dims: shape, data: feedsOf(subject).get(name) as Float32Array },
      };
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** x_hat of one row by loops. */
function reconstruct(name: ControlName | 'dictionary', b: number, weights: Map<string, Float32Array>): number[] {
  const centred = Array.from({ length: D }, (_, j) => x(b, j) - MEAN);
  const strongest = (y: number[]): number[] =>
    y.map((value, i) => ({ value, i })).sort((p, q) => Math.abs(q.value) - Math.abs(p.value)).slice(0, K).map(({ i }) => i); // prettier-ignore
  const inBasis = (chosen: (y: number[]) => number[]): number[] => {
    const y = Array.from({ length: D }, (_, i) => sum(D, (j) => (U[i * D + j] as number) * (centred[j] as number)));
    const kept = chosen(y);
    return Array.from(
      { length: D },
      (_, j) => MEAN + kept.reduce((t, i) => t + (y[i] as number) * (U[i * D + j] as number), 0),
    );
  };
  if (name === 'pcaStrongest') return inBasis(strongest);
  if (name === 'pcaFirst') return inBasis(() => [0, 1]);
  if (name === 'neuronsStrongest') {
    const kept = strongest(centred);
    return centred.map((value, j) => MEAN + (kept.includes(j) ? value : 0));
  }
  const at = (tensor: string, i: number): number => weights.get(tensor)?.[i] ?? 0;
  const z = Array.from(
    { length: F },
    (_, i) => at('b_enc', i) + sum(D, (j) => at('W_enc', i * D + j) * (centred[j] as number)),
  );
  const kept = z.map((value, i) => ({ value: Math.max(value, 0), i })).sort((p, q) => q.value - p.value).slice(0, K); // prettier-ignore
  return Array.from(
    { length: D },
    (_, j) => MEAN + kept.reduce((t, { value, i }) => t + value * at('W_dec', i * D + j), 0),
  );
}

describe('measured rows', () => {
  const dictionary = dictionarySubject({
    ...{ name: 'dictionary', kind: ARCHITECTURES.topk, sites: oneSite(D), features: F, settings: { k: K } },
  });
  const subjects = [dictionary, ...CONTROL_NAMES.map((name) => controlSubject(name, { width: D, features: F, k: K }))];

  it('are those of float64 loops for a dictionary and every control', async () => {
    const outputs = await measure(subjects, 'dictionary');
    for (const subject of subjects) {
      const numbers = outputs[subjectFeed(subject.name, OUTPUTS.numbers)]?.data as Float32Array;
      const weights = feedsOf(subject);
      for (let b = 0; b < B; b++) {
        const hat = reconstruct(subject.name as ControlName, b, weights);
        const dot = (p: number[], q: number[]): number => sum(D, (j) => (p[j] as number) * (q[j] as number));
        const row = Array.from({ length: D }, (_, j) => x(b, j));
        const e = row.map((value, j) => (hat[j] as number) - value);
        const expected = {
          errSq: dot(e, e),
          cross: dot(row, hat),
          hatSq: dot(hat, hat),
          cosine: dot(row, hat) / Math.sqrt(dot(row, row) * dot(hat, hat)),
        };
        NUMBERS.slice(0, 4).forEach((name, at) => {
          const value = expected[name as keyof typeof expected];
          const found = numbers[b * NUMBERS.length + at] as number;
          expect(Math.abs(found - value), `${subject.name} ${name} ${b}`).toBeLessThan(2e-4 * Math.max(1, value));
        });
      }
    }
  });

  it('count the features that fire, dense or in pairs alike', async () => {
    const pairs = await measure([dictionary], 'dictionary');
    const numbers = pairs[subjectFeed('dictionary', OUTPUTS.numbers)]?.data as Float32Array;
    const values = pairs[OUTPUTS.value]?.data as Float32Array;
    for (let b = 0; b < B; b++) {
      const fires = Array.from(values.subarray(b * K, (b + 1) * K)).filter((value) => value > 0).length;
      expect(numbers[b * NUMBERS.length + 4]).toBe(fires);
    }
  });
});

describe('eigenvectors', () => {
  it.each([2, 7, 40])('of a %i × %i matrix are orthonormal and those of Jacobi rotations', (size) => {
    const own = new KeyedRandom('eigen', size);
    const factors = Float64Array.from({ length: size * size }, () => own.nextNormal());
    const matrix = Float64Array.from({ length: size * size }, (_, at) => {
      const [i, j] = [Math.floor(at / size), at % size];
      return sum(size, (k) => (factors[i * size + k] as number) * (factors[j * size + k] as number));
    });
    const { values, vectors } = symmetricEigen(matrix, size);
    leadingEigenvectors(matrix, size, size).forEach((expected, i) => {
      const dot = sum(size, (j) => (vectors[i * size + j] as number) * (expected[j] as number));
      expect(Math.abs(dot)).toBeCloseTo(1, 8);
      const product = sum(size, (r) =>
        sum(size, (c) => (expected[r] as number) * (matrix[r * size + c] as number) * (expected[c] as number)),
      );
      expect(values[i]).toBeCloseTo(product, 6);
    });
  });

  it('of a matrix without rank are still orthonormal', () => {
    const { values, vectors } = symmetricEigen(new Float64Array(9), 3);
    expect([...values]).toEqual([0, 0, 0]);
    for (let i = 0; i < 3; i++) expect(sum(3, (j) => (vectors[i * 3 + j] as number) ** 2)).toBe(1);
  });
});
