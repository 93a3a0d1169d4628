// The comparison with peers: how a side's learning rate is chosen, which of our budgets are trained, what a training measures.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { trainUntil } from '../../../bench/quality/compare.js';
import { type OwnTraining, trainOwn } from '../../../bench/quality/own-training.js';
import { chooseRate } from '../../../bench/quality/rates.js';
import { courseOf } from '../../../bench/quality/settings.js';
import type { Training } from '../../../bench/quality/sides.js';
import { KeyedRandom } from '../../../core/tensor/random.js';
import { temporaryFolderOfTest } from '../../harness/temporary-folder.js';

describe('a learning rate', () => {
  const parabola =
    (best: number) =>
    (rates: readonly number[]): Promise<number[]> =>
      Promise.resolve(rates.map((lr) => (Math.log2(lr) - Math.log2(best)) ** 2));

  it('is the best of those given where it lies between others', async () => {
    const { chosen, tried } = await chooseRate([1, 2, 4], parabola(2));
    expect([chosen, tried.map(({ lr }) => lr)]).toEqual([2, [1, 2, 4]]);
  });

  it('is looked for beyond the edge where the best stands, up and down', async () => {
    const up = await chooseRate([1, 2, 4], parabola(8));
    expect([up.chosen, up.tried.map(({ lr }) => lr)]).toEqual([8, [1, 2, 4, 8, 16]]);
    const down = await chooseRate([1, 2, 4], parabola(0.5));
    expect([down.chosen, down.tried.map(({ lr }) => lr)]).toEqual([0.5, [0.25, 0.5, 1, 2, 4]]);
  });

  it('is not looked for without end', async () => {
    const { tried } = await chooseRate([1, 2], (rates) => Promise.resolve(rates.map((lr) => 1 / lr)));
    expect(tried.map(({ lr }) => lr)).toEqual([1, 2, 4, 8, 16]);
  });

  it('at which a training breaks is not chosen', async () => {
    const { chosen } = await chooseRate([1, 2, 4], (rates) => Promise.resolve(rates.map((lr) => (lr < 2 ? NaN : lr))));
    expect(chosen).toBe(2);
  });
});

describe('budgets', () => {
  /** FVU 0.4, 0.2, 0.133, 0.1 with the four budgets. */
  const train = (share: number): Promise<Training> =>
    Promise.resolve({
      ...{ side: 'assay', k: 8, seed: 1, lr: 1, steps: 100 * share, seconds: share, fvu: 0.2 / share, curve: [] },
    } as const);
  const stepsFor = async (aim: number): Promise<number[]> =>
    (await trainUntil(aim, [0.5, 1, 1.5, 2], train)).map(({ steps }) => steps);

  it('grow until the aim is reached, and the one of the peers is always there', async () => {
    expect(await stepsFor(0.5)).toEqual([50, 100]);
    expect(await stepsFor(0.2)).toEqual([50, 100]);
    expect(await stepsFor(0.15)).toEqual([50, 100, 150]);
    expect(await stepsFor(0.01)).toEqual([50, 100, 150, 200]);
  });
});

it('peers are told the course that our defaults have', () => {
  // 457 steps: 22.85, 91.4 and 45.7
  expect(courseOf({ steps: 457 })).toEqual({ warmupSteps: 22, decaySteps: 91, deadSteps: 45 });
});

it('a training of ours tells FVU at its points, falling, and seconds that grow', async () => {
  const rows = temporaryFolderOfTest('quality');
  const [width, count, steps, batchRows] = [8, 512, 40, 64];
  const random = new KeyedRandom('quality', 'rows');
  const basis = Float32Array.from({ length: 16 * width }, () => random.nextNormal());
  const draw = (): Float32Array => {
    const values = new Float32Array(count * width);
    for (let i = 0; i < count; i++) {
      const from = random.nextInt(16) * width;
      for (let j = 0; j < width; j++) values[i * width + j] = (1 + random.nextFloat()) * (basis[from + j] as number);
    }
    return values;
  };
  for (const split of ['fit', 'test']) await writeFile(path.join(rows, `${split}.f32`), draw());
  const order = Uint32Array.from({ length: steps * batchRows }, () => random.nextInt(count));
  await writeFile(path.join(rows, 'order-3.u32'), order);
  await writeFile(path.join(rows, 'rows.json'), JSON.stringify({ width }));
  const asked: OwnTraining = {
    ...{ folder: rows, split: 'test', features: 32, k: 2, lr: 0.02, steps, batchRows, seed: 3, threads: 1, points: 4 },
  };
  const curve = await trainOwn(asked);
  expect(curve.map(({ step }) => step)).toEqual([10, 20, 30, 40]);
  const [first, last] = [curve[0], curve[3]] as const;
  expect(last?.fvu ?? NaN).toBeLessThan(0.5 * (first?.fvu ?? NaN));
  expect(last?.seconds).toBeGreaterThan(first?.seconds ?? Infinity);
});

it('a training of ours that breaks says so in place of an FVU', async () => {
  const rows = temporaryFolderOfTest('quality');
  const values = Float32Array.from({ length: 64 * 4 }, (_, i) => Math.sin(i * i));
  for (const split of ['fit', 'test']) await writeFile(path.join(rows, `${split}.f32`), values);
  await writeFile(
    path.join(rows, 'order-0.u32'),
    Uint32Array.from({ length: 8 * 16 }, (_, i) => i % 64),
  );
  await writeFile(path.join(rows, 'rows.json'), JSON.stringify({ width: 4 }));
  const curve = await trainOwn({
    ...{
      folder: rows,
      split: 'test',
      features: 8,
      k: 2,
      lr: 1e38,
      steps: 8,
      batchRows: 16,
      seed: 0,
      threads: 1,
      points: 1,
    },
  });
  expect(curve.at(-1)?.fvu).toBeNull();
  expect(curve.at(-1)?.step).toBeLessThan(8);
});
