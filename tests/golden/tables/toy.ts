// A table that has every kind of column, with rows that are a function of their number: no table of the project, but what any
// may be made of.
import { floatToHalf } from '../../../core/tensor/half.js';
import { aligned, fixed, list, lists, maybe, one, slots, type MembersOf } from '../../../storage/tables/columns.js';
import { named, table } from '../../../storage/tables/layouts.js';

export const TOY = named({
  toy: table({
    columns: [
      one('u32', 'u32', 'rows'),
      one('u64', 'u64', ''),
      one('i32', 'i32', ''),
      one('i64', 'i64', ''),
      one('f16', 'f16', ''),
      one('f32', 'f32', ''),
      one('f64', 'f64', ''),
      one('bool', 'bool', ''),
      one('utf8', 'utf8', ''),
      maybe('maybe_f32', 'f32', ''),
      maybe('maybe_f64', 'f64', ''),
      one('struct', { label: 'utf8', at_layer: 'i32' }, ''),
      list('list', 'i64', ''),
      list('texts', 'utf8', ''),
      list('structs', { token: 'i64', label: 'utf8', probability: 'f32', kept: 'bool' }, ''),
      aligned('first', 'u32', ''),
      aligned('second', 'f16', ''),
      lists('lists', 'u32', ''),
      fixed('vector', { size: 'width', item: 'dtype' }, ''),
      fixed('pairs', { size: 'k', item: { a: 'u32', b: 'f64' } }, ''),
      slots('slots', { size: 'k', item: { doc: 'u32', value: 'f16' } }, ''),
    ],
    sort: 'i32',
    permuted: false,
    batchRows: 16,
    batchBytes: 2 ** 20,
    compressed: true,
    metadata: ['key'],
    sql: null,
  }),
}).toy;

export const TOY_OPTIONS = { width: 3, k: 2, dtype: 'float32' } as const;

const WORDS = ['', 'plain', 'naïve', '日本', '👩‍👩‍👧'];

/** Rows from … to − 1. */
export function toyColumns(from: number, to: number): MembersOf<typeof TOY.columns> {
  const rows = Array.from({ length: to - from }, (_, i) => from + i);
  const listed = flatten(rows, (i) => Array.from({ length: i % 4 }, (_, j) => i * 10 + j));
  const nested = flatten(rows, (i) => Array.from({ length: i % 3 }, (_, j) => [i, j]));
  const inner = flatten(nested.values, ([i = 0, j = 0]) => Array.from({ length: (i + j) % 5 }, (_, n) => i + j + n));
  const used = rows.map((i) => i % 3);
  const slot = rows.flatMap((i, row) => [0, 1].map((n) => (n < (used[row] as number) ? i + n : 0)));
  return {
    u32: Uint32Array.from(rows),
    u64: Float64Array.from(rows, (i) => 2 ** 52 + i),
    i32: Int32Array.from(rows, (i) => i - 20),
    i64: Float64Array.from(rows, (i) => (i - 20) * (2 ** 40 + 3)),
    f16: Uint16Array.from(rows, (i) => floatToHalf(i / 8)),
    f32: Float32Array.from(rows, (i) => i / 4),
    f64: Float64Array.from(rows, (i) => i / 3),
    bool: Uint8Array.from(rows, (i) => i % 2),
    utf8: rows.map(word),
    maybeF32: Float32Array.from(rows, (i) => (i % 5 === 1 ? NaN : i)),
    maybeF64: Float64Array.from(rows, (i) => (i % 7 === 1 ? NaN : -i)),
    struct: { label: rows.map((i) => word(i + 1)), atLayer: Int32Array.from(rows, (i) => -i) },
    list: { offsets: listed.offsets, values: Float64Array.from(listed.values, (v) => -v) },
    texts: { offsets: listed.offsets, values: listed.values.map(word) },
    structs: {
      offsets: listed.offsets,
      token: Float64Array.from(listed.values),
      label: listed.values.map((v) => word(v + 2)),
      probability: Float32Array.from(listed.values, (v) => v / 2),
      kept: Uint8Array.from(listed.values, (v) => v % 2),
    },
    offsets: listed.offsets,
    first: Uint32Array.from(listed.values),
    second: Uint16Array.from(listed.values, (v) => floatToHalf(v)),
    lists: { offsets: nested.offsets, inner: inner.offsets, values: Uint32Array.from(inner.values) },
    vector: Float32Array.from(rows.flatMap((i) => [i, i + 0.5, -i])),
    pairs: {
      a: Uint32Array.from(rows.flatMap((i) => [i, i + 1])),
      b: Float64Array.from(rows.flatMap((i) => [i / 7, i / 9])),
    },
    slots: {
      count: Uint32Array.from(used),
      doc: Uint32Array.from(slot),
      value: Uint16Array.from(slot, (v) => floatToHalf(v)),
    },
  };
}

function word(i: number): string {
  return WORDS[i % WORDS.length] as string;
}

function flatten<T, V>(rows: readonly T[], of: (row: T) => V[]): { offsets: Uint32Array; values: V[] } {
  const offsets = new Uint32Array(rows.length + 1);
  const values = rows.flatMap((row, i) => {
    const own = of(row);
    offsets[i + 1] = (offsets[i] as number) + own.length;
    return own;
  });
  return { offsets, values };
}
