import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BatchRecord, ObjectRecord } from '../../../../schemas/records.js';
import { COALESCE_GAP_BYTES, MAX_REQUEST_BYTES, planRanges, pruneBatches } from '../../../../storage/scan/planner.js';

function object(table: string, batches: readonly Partial<BatchRecord>[]): ObjectRecord {
  const records = batches.map((batch) => ({
    offset: 0,
    length: 8,
    rows: 1,
    min: 0,
    max: 0,
    crc32: 0,
    ...batch,
  }));
  return {
    table,
    shard: 's',
    key: 'data/k',
    sha256: '0'.repeat(64),
    bytes: 0,
    rows: records.length,
    batches: records,
  };
}

const sortedBatches = fc
  .array(
    fc.tuple(
      fc.integer({ min: 0, max: 5 }),
      fc.integer({ min: 0, max: 5 }),
      fc.integer({ min: 1, max: 3 * COALESCE_GAP_BYTES }),
    ),
    { maxLength: 12 },
  )
  .map((drawn) => {
    let at = 1024;
    let value = 0;
    return drawn.map(([gap, span, length]) => {
      const batch = { offset: at, length, min: value + gap, max: value + gap + span };
      at += length;
      value = batch.max;
      return batch;
    });
  });

describe('planner', () => {
  it('plans every batch that can hold a wanted value and no other', () => {
    fc.assert(
      fc.property(
        sortedBatches,
        fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { maxLength: 4 }),
        (batches, values) => {
          const postings = object('postings', batches);
          const expected = batches.flatMap((b, i) => (values.some((v) => v >= b.min && v <= b.max) ? [i] : []));
          const planned = planRanges([postings], { feature: { in: values } }).flatMap((range) =>
            range.batches.map((b) => b.index),
          );
          expect(planned).toEqual(expected);
        },
      ),
    );
  });

  it('covers its batches by ranges within the limits, and never bridges more than the gap', () => {
    fc.assert(
      fc.property(
        sortedBatches,
        fc.integer({ min: 0, max: 20 }),
        fc.integer({ min: 0, max: 20 }),
        (batches, from, span) => {
          for (const range of planRanges([object('postings', batches)], {
            feature: { from, to: from + span },
          })) {
            const inside = range.batches.map((b) => b.batch);
            expect(range.offset).toBe(inside[0]?.offset);
            expect(range.offset + range.length).toBe((inside.at(-1)?.offset ?? 0) + (inside.at(-1)?.length ?? 0));
            expect(range.length <= MAX_REQUEST_BYTES || inside.length === 1).toBe(true);
            inside
              .slice(1)
              .forEach((b, i) =>
                expect(b.offset - ((inside[i]?.offset ?? 0) + (inside[i]?.length ?? 0))).toBeLessThanOrEqual(
                  COALESCE_GAP_BYTES,
                ),
              );
          }
        },
      ),
    );
  });

  it('joins neighbours into one request and splits where the gap or the request is too large', () => {
    const near = object('postings', [
      { offset: 0, length: 100 },
      { offset: 100, length: 100 },
    ]);
    expect(planRanges([near], {})).toMatchObject([{ offset: 0, length: 200 }]);
    const far = object('postings', [
      { offset: 0, length: 100 },
      { offset: 101 + COALESCE_GAP_BYTES, length: 100 },
    ]);
    expect(planRanges([far], {})).toHaveLength(2);
    const large = object('postings', [
      { offset: 0, length: MAX_REQUEST_BYTES },
      { offset: MAX_REQUEST_BYTES, length: 8 },
    ]);
    expect(planRanges([large], {})).toHaveLength(2);
  });

  it('prunes only by the column that the table is sorted by', () => {
    const tokens = object('tokens', [
      { min: 0, max: 9 },
      { min: 10, max: 19 },
    ]);
    expect(pruneBatches(tokens, { doc: { from: 12, to: 13 } }).map((b) => b.index)).toEqual([1]);
    expect(pruneBatches(tokens, { feature: { from: 12, to: 13 } })).toHaveLength(2);
    expect(pruneBatches(tokens, { pos: { from: 12, to: 13 } })).toHaveLength(2);
    expect(pruneBatches(tokens, { doc: { from: 5, to: 5 } })).toHaveLength(0);
    const training = object('training', [
      { min: 0, max: 90 },
      { min: 100, max: 190 },
    ]);
    expect(pruneBatches(training, { step: { in: [95, 100] } }).map((b) => b.index)).toEqual([1]);
    expect(pruneBatches(training, { loss: { from: 0, to: 1 } })).toHaveLength(2);
  });
});
