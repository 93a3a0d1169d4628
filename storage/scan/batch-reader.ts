// Carries out a plan: ranged reads a few at a time, every batch checked against its CRC before it is decoded, bytes and
// requests counted. Knows nothing of what the rows are for.
import { setImmediate as turn } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { DataError } from '../../schemas/errors.js';
import type { ObjectStore } from '../objects/object-store.js';
import type { TableOptions } from '../tables/columns.js';
import type { TableColumns, TableName } from '../tables/layouts.js';
import { decodeBatch } from '../tables/decode.js';
import type { PlannedBatch, PlannedRange } from './planner.js';

/** What a query cost. */
export interface ReadCounters {
  bytesFetched: number;
  requests: number;
  batchesScanned: number;
}

export interface ReadOptions {
  readonly store: ObjectStore;
  readonly counters: ReadCounters;
  readonly signal?: AbortSignal | undefined;
}

/** A batch's own bytes, checked. */
export interface BatchBytes {
  readonly range: PlannedRange;
  readonly planned: PlannedBatch;
  readonly bytes: Uint8Array;
}

/** Longest time of work on batches that are there already before the process looks at anything else, a signal for one. */
const BUSY_MS = 50;
/** Reads in flight at once. */
const PREFETCH = 4;

/** Counters at zero. */
export function newCounters(): ReadCounters {
  return { bytesFetched: 0, requests: 0, batchesScanned: 0 };
}

/**
 * The bytes of every planned batch, in plan order.
 * @throws DataError where a batch is cut short or its CRC differs, naming object, batch and remedy; the signal's reason
 */
export async function* readBatchBytes(plan: readonly PlannedRange[], options: ReadOptions): AsyncGenerator<BatchBytes> {
  const inFlight: Promise<Uint8Array>[] = [];
  let next = 0;
  let turnedMs = performance.now();
  try {
    for (const range of plan) {
      for (; next < plan.length && inFlight.length < PREFETCH; next++) {
        const fetching = fetchRange(plan[next] as PlannedRange, options);
        fetching.catch(() => undefined); // reported when its turn comes
        inFlight.push(fetching);
      }
      const bytes = await (inFlight.shift() as Promise<Uint8Array>);
      for (const planned of range.batches) {
        if (performance.now() - turnedMs > BUSY_MS) {
          await turn();
          turnedMs = performance.now();
        }
        options.signal?.throwIfAborted();
        yield { range, planned, bytes: checkedBatch(range, planned, bytes) };
      }
      options.counters.batchesScanned += range.batches.length;
    }
  } finally {
    await Promise.allSettled(inFlight);
  }
}

/** The decoded columns of every planned batch, in plan order. @throws DataError as `readBatchBytes` */
export async function* readBatches<T extends TableName>(
  table: T,
  plan: readonly PlannedRange[],
  options: ReadOptions & TableOptions,
): AsyncGenerator<{
  readonly planned: PlannedBatch;
  readonly range: PlannedRange;
  readonly columns: TableColumns[T];
}> {
  for await (const { range, planned, bytes } of readBatchBytes(plan, options)) {
    yield { range, planned, columns: await decodeBatch(table, options, bytes) };
  }
}

async function fetchRange(range: PlannedRange, options: ReadOptions): Promise<Uint8Array> {
  const bytes = await options.store.getRange(range.object.key, range.offset, range.length, {
    signal: options.signal,
  });
  options.counters.requests++;
  options.counters.bytesFetched += bytes.length;
  return bytes;
}

function checkedBatch(range: PlannedRange, { batch, index }: PlannedBatch, bytes: Uint8Array): Uint8Array {
  const from = batch.offset - range.offset;
  const own = bytes.subarray(from, from + batch.length);
  const found = own.length === batch.length ? crc32(own) : null;
  if (found === batch.crc32) return own;
  const what =
    found === null ? `${own.length} of ${batch.length} bytes` : `CRC-32 ${hex(found)} instead of ${hex(batch.crc32)}`;
  throw new DataError(
    `Expected batch ${index} of ${range.object.table} object ${range.object.key} as it was written, found ${what}; run \`assay verify\` to see what is damaged, then \`assay resume\` to compute it again.`,
    { object: range.object.key, batch: index, expected: batch.crc32, got: found },
  );
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}
