// Plans which bytes of which objects a query needs: prunes record batches by the range of the table's sort column that
// their records state, then joins neighbours into ranged reads. Pure: plain data in, plain data out.
import type { BatchRecord, ObjectRecord } from '../../schemas/records.js';
import { LAYOUTS, isTableName, type ColumnName } from '../tables/layouts.js';

/** Values wanted of one column: from ≤ value < to, or one of a set. */
export type Wanted = { readonly from: number; readonly to: number } | { readonly in: readonly number[] };

/** What to read, by columns; only the table's sort column prunes, the rest is for the reader of the rows. */
export type Filter = { readonly [C in ColumnName]?: Wanted | undefined };

export interface PlannedBatch {
  /** The batch's number in its object, for messages. */
  readonly index: number;
  readonly batch: BatchRecord;
}

/** One ranged read: `batches` lie within it, in file order. */
export interface PlannedRange {
  readonly object: ObjectRecord;
  readonly offset: number;
  readonly length: number;
  readonly batches: readonly PlannedBatch[];
}

/** Bytes that may be read in vain between two wanted batches rather than asking twice. */
export const COALESCE_GAP_BYTES = 256 * 1024;
/** Most bytes of one request, unless a single batch is larger. */
export const MAX_REQUEST_BYTES = 16 * 2 ** 20;

/** Whether a wanted value can lie within min … max. */
function mayHold(wanted: Wanted, min: number, max: number): boolean {
  if ('in' in wanted) return wanted.in.some((value) => value >= min && value <= max);
  return wanted.from < wanted.to && wanted.from <= max && wanted.to > min;
}

/** The ranged reads for the batches that may hold wanted rows, in the order of `objects` and of the batches in each. */
export function planRanges(objects: readonly ObjectRecord[], filter: Filter): PlannedRange[] {
  return objects.flatMap((object) => coalesce(object, pruneBatches(object, filter)));
}

/** The batches of an object that may hold wanted rows. */
export function pruneBatches(object: ObjectRecord, filter: Filter): PlannedBatch[] {
  const wanted = leadingFilter(object.table, filter);
  const all = object.batches.map((batch, index) => ({ batch, index }));
  if (!wanted) return all;
  const test =
    'in' in wanted ? sortedTest(wanted.in) : (min: number, max: number): boolean => mayHold(wanted, min, max);
  return all.filter(({ batch }) => test(batch.min, batch.max));
}

/** The filter on the column that the table's batches are ordered by. */
function leadingFilter(table: string, filter: Filter): Wanted | undefined {
  const sort = isTableName(table) ? LAYOUTS[table].sort : null;
  return sort === null ? undefined : (filter as Readonly<Record<string, Wanted | undefined>>)[sort];
}

/** Whether one of many values lies within min … max, by bisection. */
function sortedTest(values: readonly number[]): (min: number, max: number) => boolean {
  const sorted = Float64Array.from(values).sort();
  return (min, max) => {
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((sorted[middle] as number) < min) low = middle + 1;
      else high = middle;
    }
    return low < sorted.length && (sorted[low] as number) <= max;
  };
}

function coalesce(object: ObjectRecord, batches: readonly PlannedBatch[]): PlannedRange[] {
  const ranges: {
    object: ObjectRecord;
    offset: number;
    length: number;
    batches: PlannedBatch[];
  }[] = [];
  for (const planned of batches) {
    const { offset, length } = planned.batch;
    const last = ranges.at(-1);
    const end = last ? last.offset + last.length : 0;
    if (last && offset - end <= COALESCE_GAP_BYTES && offset + length - last.offset <= MAX_REQUEST_BYTES) {
      last.length = offset + length - last.offset;
      last.batches.push(planned);
    } else ranges.push({ object, offset, length, batches: [planned] });
  }
  return ranges;
}
