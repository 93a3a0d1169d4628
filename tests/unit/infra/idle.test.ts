// The measure of idle workers counts overlapping work once and nothing outside the window.
import { describe, expect, it } from 'vitest';
import { coveredMs } from '../../../bench/orchestration/idle.js';

describe('time in which somebody works', () => {
  it('counts what overlaps once and what lies outside not at all', () => {
    const work = [
      [30, 50],
      [-20, 10],
      [5, 20],
      [40, 45],
      [90, 130],
    ] as const;
    expect(coveredMs(work, [0, 100])).toBe(20 + 20 + 10);
  });

  it('is nothing without work', () => {
    expect(coveredMs([], [0, 100])).toBe(0);
    expect(coveredMs([[200, 300]], [0, 100])).toBe(0);
  });
});
