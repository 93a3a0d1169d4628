// The toy model of superposition keeps what the paper says it keeps; its gradients are those of its loss; its rows are made of what
// it says they are made of.
import { expect, it } from 'vitest';
import { KeyedRandom } from '../../../core/tensor/random.js';
import { Toy } from '../../../organisms/synthetic/toy/toy.js';
import { drawFeatures, toyGradients, trainToy, TOY, type ToyWeights } from '../../../organisms/synthetic/toy/train.js';

const FIVE_IN_TWO = { ...TOY, features: 5, width: 2, decay: 0.9, steps: 1500, lr: 2e-2 };
/** ‖W_i‖² of each feature. */
const squares = ({ W: { data, rows, columns } }: ToyWeights): number[] =>
  Array.from({ length: rows }, (_, i) =>
    data.subarray(i * columns, (i + 1) * columns).reduce((sum, value) => sum + value * value, 0),
  );

it('of five dense features it keeps the two most important, each in a direction of its own', () => {
  const kept = trainToy({ ...FIVE_IN_TWO, sparsity: 0 });
  const [first = 0, second = 0, ...others] = squares(kept);
  expect(Math.min(first, second)).toBeGreaterThan(0.9);
  expect(Math.max(...others)).toBeLessThan(0.1);
  const { data } = kept.W;
  const product = (data[0] as number) * (data[2] as number) + (data[1] as number) * (data[3] as number);
  expect(Math.abs(product)).toBeLessThan(0.1);
});

it('of five sparse features it keeps more than there are dimensions', () => {
  const kept = squares(trainToy({ ...FIVE_IN_TWO, sparsity: 0.95 }));
  expect(kept.filter((square) => square > 0.5).length).toBeGreaterThanOrEqual(4);
});

it('its gradients are the finite differences of its loss', () => {
  const random = new KeyedRandom('test');
  const weights = {
    W: { data: Float32Array.from({ length: 12 }, () => random.nextNormal()), rows: 4, columns: 3 },
    b: Float32Array.from({ length: 4 }, () => random.nextNormal() * 0.1),
  };
  const x = drawFeatures(random, { rows: 16, features: 4, sparsity: 0.4 });
  const loss = (): number => toyGradients(weights, x, { decay: 0.8 }).loss;
  const gradients = toyGradients(weights, x, { decay: 0.8 });
  for (const [values, gradient] of [
    [weights.W.data, gradients.W],
    [weights.b, gradients.b],
  ] as const) {
    values.forEach((value, i) => {
      const difference = [2 ** -10, -(2 ** -10)].map((step) => {
        values[i] = value + step;
        return [loss(), values[i]] as const;
      }) as [readonly [number, number], readonly [number, number]];
      values[i] = value;
      const slope = (difference[0][0] - difference[1][0]) / (difference[0][1] - difference[1][1]);
      expect(gradient[i]).toBeCloseTo(slope, 2);
    });
  }
});

it('any range of rows is that part of a longer one, and is the sum of its features', async () => {
  const settings = { ...TOY, steps: 50 };
  const toy = new Toy(settings, trainToy(settings));
  const whole = await toy.draw('fit', 0, 700);
  const part = await toy.draw('fit', 250, 300);
  expect(part.rows).toEqual(whole.rows.slice(250 * 20, 550 * 20));
  const row = 260;
  const sum = new Float64Array(20);
  for (let i = whole.firings.offsets[row] as number; i < (whole.firings.offsets[row + 1] as number); i++) {
    const start = (whole.firings.feature[i] as number) * 20;
    for (let j = 0; j < 20; j++)
      sum[j] = (sum[j] as number) + (whole.firings.value[i] as number) * (toy.directions.data[start + j] as number);
  }
  sum.forEach((value, j) => expect(whole.rows[row * 20 + j]).toBeCloseTo(value, 5));
  const active = whole.firings.feature.length / (700 * settings.features);
  expect(active).toBeGreaterThan(0.045);
  expect(active).toBeLessThan(0.055);
  expect((await toy.draw('test', 0, 10)).rows).not.toEqual(whole.rows.slice(0, 200));
});

it('settings that no toy has are refused', () => {
  expect(() => trainToy({ ...TOY, sparsity: 1 })).toThrow(/sparsity 1/);
});
