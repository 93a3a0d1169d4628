// The list of batches in a commit is looked at by hand for speed: it accepts and refuses what its fields say, and names what is
// wrong and where.
import { describe, expect, it } from 'vitest';
import { commitRecord } from '../../../../schemas/records.js';
import { sampleCommit } from './sample-records.js';

const BATCH = { offset: 0, length: 8, rows: 2, min: -0.5, max: 3, crc32: 7 };

function problems(batches: unknown): string[] {
  const commit = sampleCommit(1);
  const objects = commit.objects.map((object) => ({ ...object, batches }));
  const issues = commitRecord.safeParse({ ...commit, objects }).error?.issues ?? [];
  return issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

describe('the batches of an object', () => {
  it('may be none or many', () => {
    expect(problems([])).toEqual([]);
    expect(problems([BATCH, { ...BATCH, offset: 2 ** 40 }])).toEqual([]);
  });

  it.each([
    [[BATCH, { ...BATCH, rows: -1 }], 'objects.0.batches.1.rows: Too small: expected number to be >=0'],
    [[{ ...BATCH, offset: 0.5 }], 'objects.0.batches.0.offset: Invalid input: expected int, received number'],
    [[{ ...BATCH, min: '1' }], 'objects.0.batches.0.min: Invalid input: expected number, received string'],
    [[{ ...BATCH, more: 1 }], 'objects.0.batches.0: Unrecognized key: "more"'],
    [[null], 'objects.0.batches.0: Invalid input: expected object, received null'],
    [undefined, 'objects.0.batches: Invalid input: expected array, received undefined'],
  ])('%j are refused', (batches, problem) => {
    expect(problems(batches)[0]).toBe(problem);
  });
});
