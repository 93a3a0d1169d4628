// What a dictionary is measured by against known features equals what SAELens, scipy and numpy compute for the same arrays.
import { describe, expect, it } from 'vitest';
import { findDuplicates } from '../../../core/dictionaries/truth/duplicates.js';
import { ExplainedVariance } from '../../../core/dictionaries/truth/explained.js';
import { FiringCounter } from '../../../core/dictionaries/truth/firing-scores.js';
import { matchFeatures } from '../../../core/dictionaries/truth/matching.js';
import { multiplyPlainly } from '../../../core/tensor/matrix.js';
import { golden, matrixOf, setsOf } from './golden.js';

const { measures, explained, duplicates } = golden;
const [decoder, directions] = [matrixOf(measures.decoder), matrixOf(measures.directions)];
const options = { multiply: multiplyPlainly, signless: true };

describe('matching', () => {
  it('MCC, uniqueness and the assignment equal those of SAELens and scipy', async () => {
    const found = await matchFeatures(decoder, directions, options);
    expect(found.mcc).toBeCloseTo(measures.mcc, 6);
    expect(found.uniqueness).toBeCloseTo(measures.uniqueness, 12);
    // Row 5 is zero and takes whatever is left.
    const others = (of: ArrayLike<number>): number[] => Array.from(of).filter((_, row) => row !== 5);
    expect(others(found.best)).toEqual(others(measures.best));
    expect(others(found.assigned)).toEqual(others(measures.assigned));
    expect(found.mcc * found.pairs).toBeCloseTo(measures.assignedTotal, 5);
    expect(found.shared).toBe(measures.shared);
  });

  it('with more features than directions every direction gets one, and the mean is over them', async () => {
    const found = await matchFeatures(directions, decoder, options);
    expect(found.mcc).toBeCloseTo(measures.mccSwapped, 6);
    expect(found.pairs).toBe(24);
    const given = found.assigned.filter((row) => row >= 0);
    expect([given.length, new Set(given).size]).toEqual([24, 24]);
  });

  it('an opposite direction is a match only where signs do not count', async () => {
    const opposite = { ...directions, data: directions.data.map((value) => -value) };
    const signed = await matchFeatures(opposite, directions, { ...options, signless: false });
    expect((await matchFeatures(opposite, directions, options)).mcc).toBeCloseTo(1, 6);
    expect(signed.mcc).toBeLessThan(0.7);
  });
});

describe('firing', () => {
  const scoresFor = (match: ArrayLike<number>): ReturnType<FiringCounter['scores']> => {
    const counter = new FiringCounter(Int32Array.from(match), directions.rows);
    // Two batches: counts add up.
    for (const [from, to] of [
      [0, 150],
      [150, 400],
    ])
      counter.add(setsOf(measures.fired.slice(from, to)), setsOf(measures.active.slice(from, to)));
    return counter.scores();
  };

  it('precision, recall and F1 for the most similar direction equal those of SAELens', () => {
    const { precision, recall, f1 } = scoresFor(measures.best);
    expect(precision).toBeCloseTo(measures.precision, 6);
    expect(recall).toBeCloseTo(measures.recall, 6);
    expect(f1).toBeCloseTo(measures.f1, 6);
  });

  it('for the assigned direction equals 2 TP / (2 TP + FP + FN) by numpy, and is lower where features share one', () => {
    const { f1 } = scoresFor(measures.assigned);
    expect(f1).toBeCloseTo(measures.f1Assigned, 12);
    expect(f1).toBeLessThan(measures.f1);
  });

  it('a feature without a direction, and one that never fires, count with 0', () => {
    const without = scoresFor(measures.best.map((match, j) => (j === 3 ? -1 : match)));
    expect(without.perFeature[3]).toBe(0);
    expect(without.perFeature[7]).toBe(0);
    const lost = scoresFor(measures.best).perFeature[3] as number;
    expect(without.f1).toBeCloseTo(scoresFor(measures.best).f1 - lost / 24, 12);
  });

  it('batches of different rows are refused', () => {
    const counter = new FiringCounter(Int32Array.of(0), 1);
    expect(() => counter.add(setsOf([[0]]), setsOf([[0], [0]]))).toThrow(/1 and 2/);
  });
});

describe('explained variance', () => {
  const errSq = explained.x.map((row, i) => {
    const hat = explained.xHat[i] as readonly number[];
    return row.reduce((sum, value, j) => sum + (value - (hat[j] as number)) ** 2, 0);
  });
  const measured = (centre: ArrayLike<number>): number => {
    const meter = new ExplainedVariance(centre);
    for (const [from, to] of [
      [0, 130],
      [130, 300],
    ])
      meter.add(Float32Array.from(explained.x.slice(from, to).flat()), Float64Array.from(errSq.slice(from, to)));
    return meter.value();
  };

  it('equals two passes in float64 over rows whose mean is a thousand times their spread', () => {
    expect(measured(explained.x[0] as readonly number[])).toBeCloseTo(explained.ev, 12);
    expect(measured(new Float64Array(8))).toBeCloseTo(explained.ev, 8);
  });

  it("differs from SAELens' streaming sums there, which square in float32", () => {
    expect(Math.abs(explained.saeLens - explained.ev)).toBeGreaterThan(0.005);
  });
});

it.each([1, 7, 2048])('duplicate decoder rows are those of numpy, in blocks of %d', async (blockRows) => {
  const found = await findDuplicates(matrixOf(duplicates.decoder), { multiply: multiplyPlainly, blockRows });
  expect(Array.from(found.of, (i, j) => (i >= 0 ? j : -1)).filter((j) => j >= 0)).toEqual(duplicates.rows);
  duplicates.largest.forEach((value, i) => expect(found.cosine[i + 1]).toBeCloseTo(value, 5));
  expect([found.count, found.share]).toEqual([duplicates.rows.length, duplicates.rows.length / 28]);
});

it('a threshold of duplicates that is no cosine is refused', async () => {
  await expect(findDuplicates(decoder, { multiply: multiplyPlainly, threshold: 1.5 })).rejects.toThrow(/got 1.5/);
});
