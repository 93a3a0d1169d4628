// The plan of an index covers every feature once, within the bound of memory, whatever the order of the commits.
import { describe, expect, it } from 'vitest';
import type { BatchRecord, ObjectRecord } from '../../../../schemas/records.js';
import { RANGE_POSTINGS, planFeatureRanges, planIndexItems } from '../../../../stages/index/plan.js';

function run(
  shard: string,
  batches: readonly (readonly [rows: number, min: number, max: number])[],
): { shard: string; objects: ObjectRecord[] } {
  const records: BatchRecord[] = batches.map(([rows, min, max]) => ({
    offset: 0,
    length: 0,
    rows,
    min,
    max,
    crc32: 0,
  }));
  const object = {
    table: 'postings',
    shard,
    key: 'k',
    sha256: '0'.repeat(64),
    bytes: 0,
    rows: 0,
    batches: records,
  };
  return { shard, objects: [object] };
}

describe('plan of the index', () => {
  it('covers all features in order, silent ones included', () => {
    const ranges = planFeatureRanges(1000, 64, [run('a', [[9_000_000, 10, 19]])]);
    expect(ranges[0]?.from).toBe(0);
    expect(ranges.at(-1)?.to).toBe(1000);
    ranges.slice(1).forEach((range, i) => expect(range.from).toBe(ranges[i]?.to));
  });

  it('keeps a range at the bound and gives a larger feature a range of its own', () => {
    // Features 0-9: 1 M each; 10: 20 M; 11-19: 1 M each.
    const ranges = planFeatureRanges(20, 64, [
      run('a', [
        [10_000_000, 0, 9],
        [20_000_000, 10, 10],
        [9_000_000, 11, 19],
      ]),
    ]);
    expect(ranges.map(({ from, to }) => [from, to])).toEqual([
      [0, 8],
      [8, 10],
      [10, 11],
      [11, 19],
      [19, 20],
    ]);
    for (const range of ranges) expect(range.postings <= RANGE_POSTINGS || range.to - range.from === 1).toBe(true);
  });

  it('bounds the slots of top where nothing fires', () => {
    // 2^23 slots / 1,024 per feature = 8,192 features.
    expect(planFeatureRanges(20_000, 1024, []).map(({ from, to }) => to - from)).toEqual([8192, 8192, 3616]);
  });

  it('does not depend on the order of the commits', () => {
    const commits = [run('b', [[7_000_001, 0, 6]]), run('a', [[5_000_000, 0, 2]]), run('c', [[9_999_999, 3, 9]])];
    expect(planFeatureRanges(10, 64, commits)).toEqual(planFeatureRanges(10, 64, [...commits].reverse()));
  });

  it('plans one item per range and one for the metrics, each under its own input', () => {
    const items = planIndexItems({
      key: 'k',
      features: 20,
      topExamples: 64,
      snapshot: 's',
      commits: [run('a', [[20_000_000, 0, 19]])],
      segments: [],
      tokens: [],
    });
    expect(items.map((item) => item.shard)).toEqual([
      'features-00000000-00000008',
      'features-00000008-00000016',
      'features-00000016-00000020',
      'metrics',
    ]);
    expect(new Set(items.map((item) => item.input)).size).toBe(4);
  });
});
