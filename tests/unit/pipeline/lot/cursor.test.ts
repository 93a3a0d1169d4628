// A lot's cursor tells which of its items have ended in a size that does not grow with them, and is read back as it was told.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { EndedItems, readCursor } from '../../../../pipeline/lot/cursor.js';
import { runLotItems } from '../../../../pipeline/lot/run-lot.js';
import type { WorkItem } from '../../../../stages/stage.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';

it('places that ended in any order are the ranges of a set of numbers', () => {
  const places = fc.uniqueArray(fc.nat(40), { maxLength: 40 });
  fc.assert(
    fc.property(places, (added) => {
      const ended = new EndedItems();
      for (const at of added) ended.add(at);
      const set = new Set(added);
      for (let at = 0; at <= 41; at++) expect(ended.has(at)).toBe(set.has(at));
      const { ranges, firstOpen } = ended;
      const told = ranges.flatMap(([from, to]) => Array.from({ length: to - from }, (_, i) => from + i));
      expect(told).toEqual([...set].sort((a, b) => a - b));
      expect(ranges.every(([, to], i) => to < (ranges[i + 1]?.[0] ?? Infinity))).toBe(true);
      expect(firstOpen).toBe(
        told.findIndex((at, i) => at !== i) < 0 ? told.length : told.findIndex((at, i) => at !== i),
      );
      expect(new EndedItems(ranges).ranges).toEqual(ranges);
    }),
  );
});

it('a lot of 25,000 items tells cursors of less than 1 KB, and each is understood by its next attempt', async () => {
  const items = Array.from({ length: 25_000 }, (_, i): WorkItem => {
    const name = i.toString(16).padStart(64, '0');
    return {
      stage: 'encode',
      keys: ['k'],
      input: name,
      inputs: {},
      shard: `3f9a0c1b2d4e5f60-fit-${i}`,
      split: null,
      size: 1,
      aux: {},
    };
  });
  let largest = 0;
  let last: unknown;
  const work = {
    runItem: () => Promise.resolve({ finished: true, different: 0 }),
    isCommitted: () => Promise.resolve(false),
    quarantine: () => Promise.resolve(),
    onCursor: (cursor: unknown) => {
      largest = Math.max(largest, JSON.stringify(cursor).length);
      last = cursor;
    },
  };
  const options = { items, previous: null, recheck: false, concurrency: 2, spoolRoot: temporaryFolder('cursor') };
  const counts = await runLotItems(work, { ...options, from: 24_900, stop: new AbortController().signal });
  expect(counts).toMatchObject({ done: 100, ended: 25_000, finished: true });
  expect(largest).toBeGreaterThan(0);
  expect(largest).toBeLessThan(1000);
  expect(readCursor(JSON.parse(JSON.stringify(last)))).toEqual({
    ...{ ended: [[0, 25_000]], inHand: {}, counted: { done: 100, quarantined: 0, different: 0 } },
  });
});

it('a cursor of a release that told names instead counts as none', () => {
  expect(readCursor({ ended: ['in-a/a'], inHand: { 'in-b/b': 1 } })).toBeNull();
  expect(readCursor(undefined)).toBeNull();
});
