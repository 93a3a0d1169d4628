// Suggestions for misspelt names.
import { describe, expect, it } from 'vitest';
import { editDistance, nearestNames } from '../../../../core/text/nearest-names.js';

describe('the edit distance', () => {
  it.each([
    ['', 'abc', 3],
    ['abc', 'abc', 0],
    ['abc', 'acb', 1], // neighbours swapped
    ['kitten', 'sitting', 3], // two replaced, one inserted
    ['Seed', 'sede', 1], // case counts as equal, "ed" swapped to "de"
  ])('from %j to %j is %d', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
    expect(editDistance(b, a)).toBe(distance);
  });
});

describe('the nearest names', () => {
  const known = ['sources', 'format', 'shardTokens', 'split', 'splitSeed'];
  it('come best first', () => {
    expect(nearestNames('spilt', [...known, 'splits'])).toEqual(['split', 'splits']);
  });
  it('are none for a name unlike all others', () => {
    expect(nearestNames('zzzzzz', known)).toEqual([]);
  });
});
