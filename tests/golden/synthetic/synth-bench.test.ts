// The generator follows the law of the real SynthSAEBench: how often features are tried is equal, how often they fire, how strongly
// and beside whom agrees with what SAELens drew (make_synth_bench.py), within what that many rows can tell.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { multiplyPlainly } from '../../../core/tensor/matrix.js';
import { firingProbabilities, growForest, triedProbabilities } from '../../../organisms/synthetic/bench/forest.js';
import { drawBias, firingModel, randomDirections, spreadDirections } from '../../../organisms/synthetic/bench/model.js';
import { orthogonalise } from '../../../organisms/synthetic/bench/orthogonalise.js';
import { type SynthBenchSettings, synthBenchOf } from '../../../organisms/synthetic/bench/settings.js';
import { SynthBench } from '../../../organisms/synthetic/bench/synth-bench.js';
import { type Multiplier, createMultiplier } from '../../../runtime/multiply.js';
import { largestError } from '../reference.js';

interface Law {
  readonly rows: number;
  readonly l0: number;
  readonly l0Error: number;
  readonly levels: readonly Record<'level' | 'features' | 'firings' | 'magnitude' | 'square', number>[];
  readonly at: readonly number[] | null;
  readonly tried: readonly number[];
  readonly rates: readonly number[];
  readonly twice: number;
  readonly orphans: number;
}
interface Spread {
  readonly mean: number;
  readonly largest: number;
  readonly squares: number;
}
const golden = JSON.parse(readFileSync(fileURLToPath(new URL('synth-bench.json', import.meta.url)), 'utf8')) as {
  readonly '16k': Law;
  readonly small: Law;
  readonly orthogonal: {
    readonly steps: number;
    readonly lr: number;
    readonly start: readonly (readonly number[])[];
    readonly after: readonly (readonly number[])[];
    readonly spread: Spread;
    readonly random: Spread;
  };
};
const matrix = (rows: readonly (readonly number[])[]) => ({
  data: Float32Array.from(rows.flat()),
  rows: rows.length,
  columns: rows[0]?.length ?? 0,
});

const PUBLISHED = synthBenchOf({});
const SMALL: SynthBenchSettings = {
  ...synthBenchOf({ features: 320, width: 24 }),
  hierarchy: { roots: 3, branching: 4, depth: 3 },
  orthogonalisation: { steps: 60, lr: 3e-4 },
};

let multiplier: Multiplier;
beforeAll(async () => {
  multiplier = await createMultiplier({ provider: 'cpu', threads: 1, optimisation: 'all' });
});
afterAll(() => multiplier.release());

/** What rows of several seeds have in common. */
async function lawOf(settings: SynthBenchSettings, { seeds, rows }: { readonly seeds: number; readonly rows: number }) {
  const { depth, parent } = growForest(settings);
  const counts = new Float64Array(settings.features);
  const levels = Array.from({ length: 5 }, () => ({ firings: 0, sum: 0, square: 0 }));
  let [orphans, twice] = [0, 0];
  for (let seed = 0; seed < seeds; seed++) {
    const own = { ...settings, seed };
    const model = {
      ...firingModel(own),
      directions: randomDirections({ ...own, width: 1 }),
      bias: new Float32Array(1),
    };
    const { firings } = await new SynthBench(model, multiplier.multiply).draw('fit', 0, rows);
    for (let row = 0; row < rows; row++) {
      const active = firings.feature.subarray(firings.offsets[row], firings.offsets[row + 1]);
      const set = new Set(active);
      const parents = Array.from(active, (feature) => parent[feature] as number).filter((above) => above >= 0);
      orphans += parents.filter((above) => !set.has(above)).length;
      twice += parents.length - new Set(parents).size;
    }
    firings.feature.forEach((feature, i) => {
      const level = levels[(depth[feature] as number) < 0 ? 4 : (depth[feature] as number)] as (typeof levels)[0];
      const value = firings.value[i] as number;
      counts[feature] = (counts[feature] as number) + 1;
      level.firings++;
      level.sum += value;
      level.square += value * value;
    });
  }
  const total = seeds * rows;
  return {
    ...{ rows: total, orphans, twice, rates: counts.map((count) => count / total) },
    l0: counts.reduce((sum, count) => sum + count, 0) / total,
    levels: levels.map(({ firings, sum, square }) => ({
      ...{ firings: firings / total, magnitude: sum / firings, square: square / firings },
    })),
  };
}

describe.each([
  { name: '16k', settings: PUBLISHED, law: golden['16k'], size: { seeds: 4, rows: 640 } },
  { name: 'small', settings: SMALL, law: golden.small, size: { seeds: 40, rows: 2560 } },
])('the generator of size $name', ({ settings, law, size }) => {
  let drawn: Awaited<ReturnType<typeof lawOf>>;
  beforeAll(async () => {
    drawn = await lawOf(settings, size);
  }, 60_000);

  it('tries features as often as SAELens does', () => {
    const forest = growForest(settings);
    const tried = triedProbabilities(firingProbabilities(settings), forest);
    const shown = law.at === null ? tried : law.at.map((i) => tried[i] as number);
    expect(largestError(shown, law.tried)).toBeLessThan(1e-5);
    law.tried.forEach((p, i) => expect((shown[i] as number) / p).toBeCloseTo(1, 4));
  });

  it('has as many active features per row', () => {
    const error = law.l0Error * Math.sqrt(1 + law.rows / drawn.rows);
    expect(Math.abs(drawn.l0 - law.l0) / error).toBeLessThan(5);
  });

  it('has as many and as strong ones on every level, and among those that stand alone', () => {
    for (const { level, firings, magnitude, square } of law.levels) {
      const own = drawn.levels[level] as (typeof drawn.levels)[0];
      // A row's firings on a level vary more than independent ones would: 4 times as much covers it.
      const error = 2 * Math.sqrt(firings * (1 / drawn.rows + 1 / law.rows));
      expect(Math.abs(own.firings - firings) / error, `level ${level}`).toBeLessThan(4);
      const spread = 2 * Math.sqrt((square - magnitude ** 2) / (firings * drawn.rows)) + 0.02;
      expect(Math.abs(own.magnitude - magnitude) / spread, `level ${level}`).toBeLessThan(4);
      expect(own.square / square, `level ${level}`).toBeGreaterThan(0.95);
      expect(own.square / square, `level ${level}`).toBeLessThan(1.05);
    }
  });

  it('never has two active children of a parent, nor a child without its parent', () => {
    expect([drawn.twice, drawn.orphans, law.twice, law.orphans]).toEqual([0, 0, 0, 0]);
  });

  it('roots and features alone fire as often as they shall', () => {
    const { depth } = growForest(settings);
    const wanted = firingProbabilities(settings);
    let most = 0;
    wanted.forEach((p, i) => {
      if ((depth[i] as number) > 0) return;
      // A magnitude below zero silences a firing: up to a few in a hundred thousand.
      const error = Math.sqrt((p * (1 - p)) / drawn.rows) + 1e-3 * p;
      most = Math.max(most, Math.abs((drawn.rates[i] as number) - p) / error);
    });
    // Of thousands of rare features a few see several firings where one was due: no normal law.
    expect(most).toBeLessThan(settings === SMALL ? 4.5 : 8);
  });
});

describe('rows', () => {
  const model = { ...firingModel(SMALL), directions: randomDirections(SMALL), bias: drawBias(SMALL) };
  const source = new SynthBench(model, multiplyPlainly);

  it('any range of rows is that part of a longer one, whoever multiplies', async () => {
    const whole = await source.draw('fit', 0, 300);
    const part = await new SynthBench(model, multiplier.multiply).draw('fit', 100, 150);
    expect(part.rows).toEqual(whole.rows.slice(100 * 24, 250 * 24));
    const [from, to] = [whole.firings.offsets[100], whole.firings.offsets[250]];
    expect(part.firings.feature).toEqual(whole.firings.feature.slice(from, to));
    expect((await source.draw('test', 0, 300)).rows).not.toEqual(whole.rows);
    expect((await source.draw('calib', 0, 0)).firings.feature.length).toBe(0);
  });

  it('are the sum of their features, by number, and the bias', async () => {
    const { rows, firings } = await source.draw('fit', 0, 64);
    for (let row = 0; row < 64; row++) {
      const sum = Float64Array.from(model.bias);
      const [from, to] = [firings.offsets[row] as number, firings.offsets[row + 1] as number];
      for (let at = from; at < to; at++) {
        const feature = firings.feature[at] as number;
        if (at > from) expect(feature).toBeGreaterThan(firings.feature[at - 1] as number);
        sum.forEach((value, j) => {
          sum[j] = value + (firings.value[at] as number) * (model.directions.data[feature * 24 + j] as number);
        });
      }
      expect(largestError(rows.subarray(row * 24, (row + 1) * 24), sum)).toBeLessThan(1e-6);
    }
    expect(Math.hypot(...model.bias)).toBeCloseTo(0.5, 6);
  });
});

describe('directions', () => {
  const { steps, lr, start, after, spread, random } = golden.orthogonal;
  const spreadOf = ({ data, rows, columns }: { data: Float32Array; rows: number; columns: number }): Spread => {
    let [sum, squares, largest] = [0, 0, 0];
    for (let i = 0; i < rows; i++) {
      let most = 0;
      for (let j = 0; j < rows; j++) {
        if (i === j) continue;
        let product = 0;
        for (let k = 0; k < columns; k++)
          product += (data[i * columns + k] as number) * (data[j * columns + k] as number);
        sum += Math.abs(product);
        squares += product * product;
        most = Math.max(most, Math.abs(product));
      }
      largest += most;
    }
    return { mean: sum / (rows * (rows - 1)), largest: largest / rows, squares };
  };

  it('are spread by the steps of SAELens', async () => {
    const spreadOut = await orthogonalise(matrix(start), { steps, lr, multiply: multiplyPlainly });
    expect(largestError(spreadOut.data, matrix(after).data)).toBeLessThan(2e-5);
  });

  it('lie as far apart as those of SAELens, and farther than before', async () => {
    const own = spreadOf(await spreadDirections(SMALL, { multiply: multiplyPlainly }));
    expect(own.squares / spread.squares).toBeCloseTo(1, 2);
    expect(own.mean / spread.mean).toBeCloseTo(1, 1);
    expect(own.largest / spread.largest).toBeCloseTo(1, 1);
    expect(spreadOf(randomDirections(SMALL)).squares / random.squares).toBeCloseTo(1, 1);
    expect(own.squares).toBeLessThan(0.97 * random.squares);
  });
});

it('settings of no generator are refused with what they are', () => {
  expect(() => synthBenchOf({ features: 0 })).toThrow(/features 0/);
  const none = { ...PUBLISHED, firing: { ...PUBLISHED.firing, min: 0.5 } };
  expect(() => firingModel(none)).toThrow(/0 < min < max ≤ 1.*min 0.5/);
});
