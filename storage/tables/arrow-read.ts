// Columns in memory from the arrays of record batches; numbers are views of the batch's buffers where the two agree.
import type { RecordBatch } from 'apache-arrow';
import { DataError } from '../../schemas/errors.js';
import type { ColumnData } from './column-data.js';
import { LEVELS, isPlain, leafType, type ColumnSpec, type LeafType, type TableOptions } from './columns.js';
import { fromInt64, fromUint64 } from './int64.js';
import type { Layout } from './layouts.js';
import { scalarRow, type LeafValues, type TypedValues } from './scalars.js';

/** An array of a record batch, as apache-arrow's Data and storage/tables/decode.ts give it. */
export interface ArrowArray {
  readonly length: number;
  readonly nullCount: number;
  readonly nullBitmap: Uint8Array;
  /** Lists and text: offsets, one more than `length`. */
  readonly valueOffsets: Int32Array | undefined;
  readonly values: ArrayBufferView | undefined;
  readonly children: readonly ArrowArray[];
}

/** The columns of one record batch. @throws DataError where the batch is not of this table */
export function fromRecordBatch(layout: Layout, batch: RecordBatch): ColumnData[] {
  const specs = layout.columns;
  const names = batch.schema.fields.map((field) => field.name);
  if (names.length !== specs.length || specs.some((spec, i) => spec.name !== names[i])) {
    throw new DataError(
      `Expected the columns of table "${layout.name}" (${specs.map((s) => s.name).join(', ')}), found ${names.join(', ')}; the object belongs to another table.`,
      { table: layout.name, columns: names },
    );
  }
  return specs.map((spec, i) => columnFromArrow(spec, batch.data.children[i] as unknown as ArrowArray));
}

/** A column without rows. */
export function emptyColumn(spec: ColumnSpec, options: TableOptions): ColumnData {
  const leaves = spec.leaves.map((leaf) => new (scalarRow(leafType(leaf, options)).held)(0));
  const levels = LEVELS[spec.shape].map(() => new Uint32Array(1));
  return spec.shape === 'slots' ? { leaves, levels, count: new Uint32Array(0) } : { leaves, levels };
}

/** A column from its array. */
export function columnFromArrow(spec: ColumnSpec, data: ArrowArray): ColumnData {
  let items = data;
  const levels = LEVELS[spec.shape].map(() => {
    const offsets = offsetsOf(items);
    items = items.children[0] as ArrowArray;
    return offsets;
  });
  if (spec.size !== null) items = items.children[0] as ArrowArray;
  const arrays = isPlain(spec) ? [items] : items.children;
  const leaves = spec.leaves.map(({ type }, i) => leafFromArrow(type, arrays[i] as ArrowArray, spec.nullable));
  return spec.shape === 'slots' ? { leaves, levels, count: usedSlots(items, data.length) } : { leaves, levels };
}

function leafFromArrow(type: LeafType, data: ArrowArray, nullable: boolean): LeafValues {
  if (type === 'utf8') return textFromArrow(data);
  if (type === 'bool') return unpackBits(data.values as Uint8Array, data.length);
  if (data.values instanceof BigUint64Array) return fromUint64(data.values, data.length);
  if (data.values instanceof BigInt64Array) return fromInt64(data.values, data.length);
  const values = (data.values as TypedValues).subarray(0, data.length);
  if (!nullable || data.nullCount === 0) return values;
  const present = unpackBits(data.nullBitmap, data.length);
  return (values.slice() as Float32Array).map((value, i) => (present[i] ? value : NaN));
}

function offsetsOf(data: ArrowArray): Uint32Array {
  const offsets = data.valueOffsets as Int32Array;
  return data.length === 0 ? new Uint32Array(1) : new Uint32Array(offsets.buffer, offsets.byteOffset, data.length + 1);
}

function textFromArrow(data: ArrowArray): string[] {
  const offsets = offsetsOf(data);
  const bytes = data.values as Uint8Array;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: data.length }, (_, i) => buffer.toString('utf8', offsets[i], offsets[i + 1]));
}

function usedSlots(items: ArrowArray, rows: number): Uint32Array {
  const k = rows === 0 ? 0 : items.length / rows;
  if (items.nullCount === 0) return new Uint32Array(rows).fill(k);
  const used = new Uint32Array(rows);
  const bits = items.nullBitmap;
  for (let slot = 0; slot < items.length; slot++) {
    if (((bits[slot >> 3] as number) >> (slot & 7)) & 1)
      used[Math.floor(slot / k)] = (used[Math.floor(slot / k)] as number) + 1;
  }
  return used;
}

function unpackBits(bits: Uint8Array, length: number): Uint8Array {
  const flags = new Uint8Array(length);
  for (let i = 0; i < length; i++) flags[i] = ((bits[i >> 3] as number) >> (i & 7)) & 1;
  return flags;
}
