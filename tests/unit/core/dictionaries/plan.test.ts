// Plans of trainings, first values, metrics, PCA and orders of rows: small numbers worked out by hand.
import { describe, expect, it } from 'vitest';
import { initialParameters } from '../../../../core/dictionaries/initialise.js';
import { ARCHITECTURES } from '../../../../core/dictionaries/architectures.js';
import { computeCalibFvu, computeFvu, computeL0, squaredMean } from '../../../../core/dictionaries/metrics.js';
import { addRows, emptySecondMoments, leadingEigenvectors, pcaFvu } from '../../../../core/dictionaries/pca.js';
import {
  completeSettings,
  dictionaryOptimiser,
  planSteps,
  type DictionarySettings,
} from '../../../../core/dictionaries/settings.js';
import { oneSite } from '../../../../core/dictionaries/sites.js';
import { stepFactors } from '../../../../core/optimise/optimisers/optimisers.js';
import { learningRate } from '../../../../core/optimise/schedule.js';
import { sortPostings, tokenOrder } from '../../../../core/dictionaries/token-order.js';
import { FiringCollector } from '../../../../core/dictionaries/collect-firings.js';
import { floatToHalf } from '../../../../core/tensor/half.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';
import { trainConfig } from '../../stages/train/harness.js';

const sae: DictionarySettings = {
  ...trainConfig('a').keyed.sae,
  tokens: 100 * 128,
  warmupSteps: 10,
  decayFraction: 0.2,
  lr: 1,
};

describe('the plan of a training', () => {
  it('warms up linearly, stays, and falls to zero over the last fifth', () => {
    const { schedule } = planSteps(sae);
    const rates = [0, 4, 9, 10, 79, 80, 81, 90, 99].map((step) => learningRate(schedule, step));
    [0.1, 0.5, 1, 1, 1, 1, 0.95, 0.5, 0.05].forEach((rate, i) => expect(rates[i]).toBeCloseTo(rate, 12));
  });

  it('feeds Adam lr / (1 − β1^t) and 1 / √(1 − β2^t) whatever the chunk', () => {
    const { schedule } = planSteps(sae);
    const factors = (range: { from: number; count: number }): Record<string, Float32Array> =>
      Object.fromEntries(stepFactors(dictionaryOptimiser(sae), schedule, range));
    const whole = factors({ from: 0, count: 20 });
    const part = factors({ from: 7, count: 5 });
    expect(part['rate']).toEqual(whole['rate']?.subarray(7, 12));
    expect(part['correction']).toEqual(whole['correction']?.subarray(7, 12));
    expect(whole['rate']?.[11]).toBeCloseTo(1 / (1 - 0.9 ** 12), 6);
    expect(whole['correction']?.[11]).toBeCloseTo(1 / Math.sqrt(1 - 0.999 ** 12), 4);
  });

  it('fills in the defaults that the run file states', () => {
    const open = {
      ...sae,
      lr: null,
      warmupSteps: null,
      auxK: null,
      deadAfterTokens: null,
      features: 4096,
    };
    const complete = completeSettings(open, 17);
    expect(complete).toMatchObject({ lr: 4e-4, warmupSteps: 5, auxK: 8, deadAfterTokens: 1280 });
    expect(planSteps(complete)).toMatchObject({ steps: 100, kAux: 8, schedule: { decaySteps: 20 } });
    expect(completeSettings({ ...open, tokens: 1e9, batchRows: 1000 }, 16)).toMatchObject({
      warmupSteps: 1000,
      deadAfterTokens: 1e7,
    });
    expect(completeSettings({ ...open, architecture: 'relu' }, 17)).toMatchObject({ auxK: 0 });
  });

  it('measures calib at tenths of the training, each once, also when there are fewer steps than tenths', () => {
    expect(planSteps(sae).calibSteps).toEqual([0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
    expect(planSteps({ ...sae, tokens: 3 * 128 }).calibSteps).toEqual([0, 1, 2, 3]);
  });
});

describe('the start', () => {
  it('has unit decoder rows, an equal encoder, b_dec at the mean, and depends on the seed alone', () => {
    const sizes = { kind: ARCHITECTURES.topk, sites: oneSite(16), features: 20 };
    const mean = Float64Array.from({ length: 16 }, (_, i) => i);
    const a = initialParameters(sizes, 1, [mean]);
    const W = a.get('W_dec') as Float32Array;
    for (let i = 0; i < 20; i++) expect(Math.hypot(...W.subarray(16 * i, 16 * i + 16))).toBeCloseTo(1, 6);
    expect(a.get('W_enc')).toEqual(W);
    expect(a.get('b_dec')).toEqual(Float32Array.from(mean));
    expect(initialParameters(sizes, 1, [mean])).toEqual(a);
    expect(initialParameters(sizes, 2, [mean]).get('W_dec')).not.toEqual(W);
  });
});

describe('metrics', () => {
  it('FVU takes the mean of the evaluated rows per dimension, not the second moment about zero', () => {
    // rows (10, 0), (12, 0) rebuilt as (10.5, 0), (11.5, 0): 0.5 / 2, although ‖x‖² is 244.
    const sumX = Float64Array.of(22, 0);
    const squares = { rows: 2, errSq: 0.5, xSq: 244 };
    expect(squaredMean(sumX, 2)).toBe(121);
    expect(computeFvu(squares, 121)).toBeCloseTo(0.25, 12);
    expect(computeCalibFvu({ ...squares, sumX })).toBeCloseTo(0.25, 12);
    expect(computeL0({ rows: 2, firings: 5 })).toBe(2.5);
    expect(computeFvu({ rows: 0, errSq: 0, xSq: 0 }, 0)).toBeNaN();
    expect(computeCalibFvu({ rows: 0, errSq: 0, xSq: 0, sumX: Float64Array.of(0) })).toBeNaN();
  });
});

describe('PCA', () => {
  const random = new KeyedRandom('pca');
  const rows = (n: number): Float32Array => {
    const x = new Float32Array(n * 6);
    for (let i = 0; i < n; i++) {
      const [a, b] = [3 * random.nextNormal(), random.nextNormal()];
      for (let j = 0; j < 6; j++) x[6 * i + j] = 2 + a * Math.cos(j) + b * Math.sin(j) + 0.01 * random.nextNormal();
    }
    return x;
  };

  it('leaves almost nothing of rank-two rows with two components, and everything with none', () => {
    const [fit, test] = [emptySecondMoments(6), emptySecondMoments(6)];
    addRows(fit, rows(500));
    addRows(test, rows(300));
    expect(pcaFvu(fit, test, 2)).toBeLessThan(1e-3);
    expect(pcaFvu(fit, test, 1)).toBeGreaterThan(0.02);
    expect(pcaFvu(fit, test, 0)).toBeGreaterThanOrEqual(1);
    expect(pcaFvu(fit, test, 6)).toBeCloseTo(0, 10);
    expect(() => pcaFvu(emptySecondMoments(6), test, 1)).toThrow('found 0 and 300');
  });

  it('finds orthonormal eigenvectors of a symmetric matrix, largest eigenvalue first', () => {
    const n = 12;
    const half = Float64Array.from({ length: n * n }, () => random.nextNormal());
    const matrix = half.map((_, i) => (half[i] ?? 0) + (half[(i % n) * n + Math.floor(i / n)] ?? 0));
    const vectors = leadingEigenvectors(matrix, n, n);
    let last = Infinity;
    for (const u of vectors) {
      const image = Float64Array.from(u, (_, i) =>
        u.reduce((sum, value, j) => sum + value * (matrix[i * n + j] ?? 0), 0),
      );
      const value = image.reduce((sum, v, i) => sum + v * (u[i] ?? 0), 0);
      image.forEach((v, i) => expect(v).toBeCloseTo(value * (u[i] ?? 0), 9));
      expect(value).toBeLessThanOrEqual(last);
      last = value;
      for (const w of vectors)
        expect(w.reduce((sum, v, i) => sum + v * (u[i] ?? 0), 0)).toBeCloseTo(w === u ? 1 : 0, 9);
    }
  });
});

describe('orders of rows', () => {
  it('puts permuted rows into token order and firings into postings order, as sorting does', () => {
    const random = new KeyedRandom('orders');
    const tokens = Array.from({ length: 400 }, (_, i) => [100 + Math.floor(i / 37), i % 37] as const);
    const shuffled = Array.from(random.permutation(400), (i) => tokens[i] as readonly [number, number]);
    const [doc, pos] = [0, 1].map((c) => Uint32Array.from(shuffled, (t) => t[c] as number)) as [
      Uint32Array,
      Uint32Array,
    ];
    const order = tokenOrder(doc, pos);
    expect(Array.from(order, (row) => shuffled[row])).toEqual(tokens);
    const collector = new FiringCollector(400, 2);
    const feature = Int32Array.from({ length: 1200 }, (_, i) => (7 * i + Math.floor(i / 3)) % 50);
    const value = Float32Array.from({ length: 1200 }, () => Math.max(0, random.nextNormal()));
    collector.add({ feature, value, capacity: 3 }, 250);
    collector.add({ feature: feature.subarray(750), value: value.subarray(750), capacity: 3 }, 150);
    const firings = collector.finish();
    const rows = {
      doc: Uint32Array.from(tokens, (t) => t[0]),
      pos: Uint32Array.from(tokens, (t) => t[1]),
    };
    const fired = new Uint32Array(50);
    const postings = sortPostings(firings, rows, fired);
    const expected = tokens
      .flatMap(([d, p], i) =>
        [0, 1, 2].map((j) => [feature[3 * i + j] ?? 0, d, p, floatToHalf(value[3 * i + j] ?? 0)] as const),
      )
      .filter(([, , , half]) => half > 0)
      .sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
    expect(Array.from(postings.feature, (f, i) => [f, postings.doc[i], postings.pos[i], postings.value[i]])).toEqual(
      expected,
    );
    expect([...fired]).toEqual(Array.from({ length: 50 }, (_, f) => expected.filter((e) => e[0] === f).length));
    for (let i = 0; i < 400; i++) {
      const own = [...firings.feature.subarray(firings.offsets[i], firings.offsets[i + 1])];
      expect(own).toEqual([...own].sort((a, b) => a - b));
    }
    expect(tokenOrder(new Uint32Array(0), new Uint32Array(0)).length).toBe(0);
  });

  it('drops values that half precision rounds to zero and refuses those beyond it', () => {
    const collector = new FiringCollector(2, 2);
    collector.add({ feature: Int32Array.of(4, 1), value: Float32Array.of(2 ** -26, 1), capacity: 2 }, 1);
    expect(() =>
      collector.add({ feature: Int32Array.of(9, 1), value: Float32Array.of(65_520, 1), capacity: 2 }, 1),
    ).toThrow('Expected feature activations below 65,520 (they are stored as float16), found 65520 for feature 9.');
    const other = new FiringCollector(1, 2);
    other.add({ feature: Int32Array.of(4, 1), value: Float32Array.of(2 ** -26, 65_519), capacity: 2 }, 1);
    expect(other.finish()).toEqual({
      offsets: Uint32Array.of(0, 1),
      feature: Uint32Array.of(1),
      value: Uint16Array.of(0x7bff),
    });
  });
});
