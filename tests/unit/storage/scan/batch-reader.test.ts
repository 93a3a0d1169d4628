// Reading batches never keeps a signal waiting, however many of them lie in one range and whatever their reader does with each.
import { crc32 } from 'node:zlib';
import { expect, it } from 'vitest';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import type { ObjectRecord } from '../../../../schemas/records.js';
import { newCounters, readBatchBytes } from '../../../../storage/scan/batch-reader.js';
import type { PlannedRange } from '../../../../storage/scan/planner.js';

const BATCHES = 200;
const BATCH = Buffer.from('batch');

async function oneRange(): Promise<{ store: ReturnType<typeof createMemoryStore>; plan: PlannedRange[] }> {
  const store = createMemoryStore();
  await store.put('data/x', Buffer.concat(Array.from({ length: BATCHES }, () => BATCH)));
  const batches = Array.from({ length: BATCHES }, (_, index) => ({
    index,
    batch: { offset: index * BATCH.length, length: BATCH.length, crc32: crc32(BATCH), rows: 1, min: 0, max: 0 },
  }));
  const object = { key: 'data/x', table: 'acts' } as ObjectRecord;
  return { store, plan: [{ object, offset: 0, length: BATCHES * BATCH.length, batches }] as unknown as PlannedRange[] };
}

/** What the work on a batch costs: nothing else of the process runs meanwhile. */
function busy(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

it('an abort of the next moment ends it long before its last batch', async () => {
  const { store, plan } = await oneRange();
  const stop = new AbortController();
  let read = 0;
  setTimeout(() => stop.abort(new Error('stopped')), 1);
  const reading = async (): Promise<void> => {
    for await (const { bytes } of readBatchBytes(plan, { store, counters: newCounters(), signal: stop.signal })) {
      expect(Buffer.from(bytes).equals(BATCH)).toBe(true);
      read += 1;
      busy(10);
    }
  };
  await expect(reading()).rejects.toThrow('stopped');
  expect(read).toBeLessThan(BATCHES / 2);
});
