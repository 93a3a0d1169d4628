// The tolerance table: how far recomputed numbers may be from committed ones on another provider or CPU class.
import { readTable } from '../../storage/tables/read.js';
import { PER_DOCUMENT, decodeCounts, type ShardCounts } from '../../stages/encode/counts-file.js';
import { halfsToFloats } from '../../core/tensor/half.js';

interface Limit {
  readonly relative: number;
  readonly ofMax: number;
}

/** |a − b| ≤ relative·|b| + ofMax·max|b|. Tables that are not listed must be equal byte for byte. */
export const TOLERANCES: Readonly<Record<string, Limit>> = {
  activations: { relative: 2 ** -9, ofMax: 1e-5 },
  acts: { relative: 1e-2, ofMax: 1e-4 },
  counts: { relative: 1e-2, ofMax: 1e-4 },
};

/** Whether two files of one table hold the same keys and, within the table's tolerance, the same numbers. */
export async function equalWithinTolerance(table: string, before: Uint8Array, after: Uint8Array): Promise<boolean> {
  const limit = TOLERANCES[table];
  if (!limit) return false;
  if (table === 'activations') {
    const [a, b] = [(await readTable('activations', before)).columns, (await readTable('activations', after)).columns];
    return sameKeys(a, b) && within(floats(a.act), floats(b.act), limit);
  }
  if (table === 'counts') return equalCounts(decodeCounts(before), decodeCounts(after), limit);
  const [a, b] = [(await readTable('acts', before)).columns, (await readTable('acts', after)).columns];
  return sameKeys(a, b) && within(a.xSq, b.xSq, limit) && within(a.errSq, b.errSq, limit);
}

/** The same rows and firings, and sums of squares as near as those of the rows; Σ x is of inputs, and equal. */
function equalCounts(a: ShardCounts, b: ShardCounts, limit: Limit): boolean {
  const column = ({ perDocument }: ShardCounts, c: number): Float64Array =>
    perDocument.filter((_, i) => i % PER_DOCUMENT === c);
  return (
    sameNumbers(a.fired, b.fired) &&
    sameNumbers(a.sumX, b.sumX) &&
    [0, 3].every((c) => sameNumbers(column(a, c), column(b, c))) &&
    [1, 2].every((c) => within(column(a, c), column(b, c), limit))
  );
}

function sameNumbers<T extends Float64Array | Uint32Array>(a: T, b: T): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

interface Keys {
  readonly doc: Uint32Array;
  readonly pos: Uint32Array;
}

function sameKeys(a: Keys, b: Keys): boolean {
  return a.doc.length === b.doc.length && a.doc.every((doc, i) => doc === b.doc[i] && a.pos[i] === b.pos[i]);
}

function floats(values: Uint16Array | Float32Array): Float32Array {
  return values instanceof Uint16Array ? halfsToFloats(values) : values;
}

function within(b: Float32Array | Float64Array, a: Float32Array | Float64Array, { relative, ofMax }: Limit): boolean {
  if (a.length !== b.length) return false;
  let largest = 0;
  for (const value of b) largest = Math.max(largest, Math.abs(value));
  return a.every(
    (value, i) => Math.abs(value - (b[i] as number)) <= relative * Math.abs(b[i] as number) + ofMax * largest,
  );
}
