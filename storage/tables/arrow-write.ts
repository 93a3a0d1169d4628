// Record batches from columns in memory. Typed arrays become Arrow buffers without a copy where the two agree; no row objects
// are made.
import type { Data, DataType, RecordBatch, Schema } from 'apache-arrow';
import { DataError } from '../../schemas/errors.js';
import { arrow } from '../arrow/library.js';
import { arrowType } from './arrow-types.js';
import type { ColumnData } from './column-data.js';
import { leafType, type ColumnSpec, type TableOptions } from './columns.js';
import { toInt64, toUint64 } from './int64.js';
import type { Layout } from './layouts.js';
import { scalarRow, type LeafValues, type Scalar, type TypedValues, type Utf8 } from './scalars.js';

/** A table as one file holds it. */
export interface TableForm {
  readonly layout: Layout;
  readonly options: TableOptions;
  /** `tableSchema` of both. */
  readonly schema: Schema;
}

interface Filling {
  readonly spec: ColumnSpec;
  readonly column: ColumnData;
  readonly rows: number;
  readonly options: TableOptions;
}

/**
 * One record batch of `rows` rows over the given columns.
 * @throws DataError where a column is held in another kind of array than its type asks for
 */
export function toRecordBatch(
  { layout, options, schema }: TableForm,
  data: readonly ColumnData[],
  rows: number,
): RecordBatch {
  const children = layout.columns.map((spec, i) =>
    levelToArrow(schema.fields[i]?.type as DataType, 0, { spec, column: data[i] as ColumnData, rows, options }),
  );
  const type = new arrow.Struct(schema.fields);
  return new arrow.RecordBatch(schema, arrow.makeData({ type, length: rows, nullCount: 0, children }));
}

/** The lists of a column from level `level` on, or its values where there is none. */
function levelToArrow(type: DataType, level: number, filling: Filling): Data {
  const offsets = filling.column.levels[level];
  if (offsets && type instanceof arrow.List) {
    const valueOffsets = new Int32Array(offsets.buffer, offsets.byteOffset, offsets.length);
    const child = levelToArrow(type.valueType as DataType, level + 1, filling);
    return arrow.makeData({ type, length: offsets.length - 1, nullCount: 0, valueOffsets, child });
  }
  if (!(type instanceof arrow.FixedSizeList)) return itemsToArrow(type, filling);
  const child = itemsToArrow(type.valueType as DataType, filling);
  return arrow.makeData({ type, length: filling.rows, nullCount: 0, child });
}

function itemsToArrow(type: DataType, { spec, column, rows, options }: Filling): Data {
  const children = spec.leaves.map((leaf, i) =>
    leafToArrow(spec, leafType(leaf, options), column.leaves[i] as LeafValues),
  );
  if (!(type instanceof arrow.Struct)) return children[0] as Data;
  const length = column.leaves[0]?.length ?? 0;
  const nulls = column.count ? emptySlots(column.count, length / Math.max(rows, 1)) : { nullCount: 0 };
  return arrow.makeData({ type, length, children, ...nulls });
}

function leafToArrow(spec: ColumnSpec, scalar: Scalar, values: LeafValues): Data {
  const { held } = scalarRow(scalar);
  if (!(values instanceof held)) {
    throw new DataError(
      `Expected column "${spec.name}" (${scalar}) in a ${held.name}, got a ${values.constructor.name}; convert it before writing.`,
      { column: spec.name, type: scalar, got: values.constructor.name },
    );
  }
  return ArrayBuffer.isView(values) ? numbersToArrow(scalar, values, spec.nullable) : textToArrow(values);
}

interface Nulls {
  readonly nullCount: number;
  readonly nullBitmap?: Uint8Array;
}

/** Validity of slots: the first count[i] of each row are valid. */
function emptySlots(count: Uint32Array, k: number): Nulls {
  let used = 0;
  const nullBitmap = new Uint8Array(Math.ceil((count.length * k) / 8));
  for (let row = 0; row < count.length; row++) {
    const n = count[row] as number;
    used += n;
    for (let slot = row * k; slot < row * k + n; slot++)
      nullBitmap[slot >> 3] = (nullBitmap[slot >> 3] as number) | (1 << (slot & 7));
  }
  const nullCount = count.length * k - used;
  return nullCount > 0 ? { nullCount, nullBitmap } : { nullCount: 0 };
}

function numbersToArrow(scalar: Scalar, values: TypedValues, nullable: boolean): Data {
  // The library's types tie each type to its array; the values were checked against the scalar's.
  const make = arrow.makeData as (parts: Nulls & { type: DataType; length: number; data: ArrayBufferView }) => Data;
  const nulls = nullable ? nanAsNull(values) : { nullCount: 0 };
  return make({ type: arrowType(scalar), length: values.length, data: stored(scalar, values), ...nulls });
}

/** Numbers as they lie on disk. */
function stored(scalar: Scalar, values: TypedValues): ArrayBufferView {
  if (scalar === 'bool') return packBits(values);
  if (scalar === 'u64') return toUint64(values);
  if (scalar === 'i64') return toInt64(values);
  return values;
}

function textToArrow(strings: Utf8): Data {
  const offsets = new Int32Array(strings.length + 1);
  let bytes = 0;
  for (let i = 0; i < strings.length; i++) {
    bytes += Buffer.byteLength(strings[i] as string);
    offsets[i + 1] = bytes;
  }
  const data = Buffer.alloc(bytes);
  for (let i = 0; i < strings.length; i++) data.write(strings[i] as string, offsets[i] as number);
  return arrow.makeData({
    type: new arrow.Utf8(),
    length: strings.length,
    nullCount: 0,
    valueOffsets: offsets,
    data,
  });
}

function nanAsNull(values: TypedValues): Nulls {
  const nullBitmap = new Uint8Array(Math.ceil(values.length / 8));
  let nullCount = 0;
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) nullCount++;
    else nullBitmap[i >> 3] = (nullBitmap[i >> 3] as number) | (1 << (i & 7));
  }
  return nullCount > 0 ? { nullCount, nullBitmap } : { nullCount: 0 };
}

function packBits(flags: TypedValues): Uint8Array {
  const bits = new Uint8Array(Math.ceil(flags.length / 8));
  for (let i = 0; i < flags.length; i++) if (flags[i] !== 0) bits[i >> 3] = (bits[i >> 3] as number) | (1 << (i & 7));
  return bits;
}
