// Between columns in memory and Arrow: the schema of a table, record batches from columns, columns from record batches.
// Typed arrays become Arrow buffers without a copy where the two agree; no row objects are made.
import {
  Bool,
  Field,
  FixedSizeList,
  Float16,
  Float32,
  Float64,
  List,
  RecordBatch,
  Schema,
  Struct,
  Uint32,
  Uint64,
  Utf8 as ArrowUtf8,
  DataType,
  makeData,
  type Data,
} from 'apache-arrow';
import { FORMAT_VERSION } from '../../schemas/constants.js';
import { DataError } from '../../schemas/errors.js';
import { stride, type ColumnData, type LeafValues, type TypedValues } from './column-data.js';
import {
  LAYOUTS,
  type ColumnSpec,
  type Leaf,
  type Scalar,
  type TableName,
  type TableOptions,
  type Utf8,
} from './layouts.js';

const ARROW_TYPE: { readonly [S in Scalar]: () => DataType } = {
  u32: () => new Uint32(),
  u64: () => new Uint64(),
  f16: () => new Float16(),
  f32: () => new Float32(),
  f64: () => new Float64(),
  bool: () => new Bool(),
  utf8: () => new ArrowUtf8(),
};

const ITEM = 'item';

/** The Arrow schema of a table; metadata entries are sorted by name so that bytes do not depend on their order. */
export function tableSchema(
  table: TableName,
  options: TableOptions,
  metadata: Readonly<Record<string, string>> = {},
): Schema {
  const all: Record<string, string> = { ...metadata, table, formatVersion: String(FORMAT_VERSION) };
  const names = Object.keys(all).sort();
  const fields = LAYOUTS[table].columns.map((spec) => {
    const units = new Map(spec.unit === '' ? [] : [['unit', spec.unit]]);
    return new Field(spec.name, columnType(spec, options), spec.nullable, units);
  });
  return new Schema(fields, new Map(names.map((name) => [name, all[name] as string])));
}

/** One record batch of `rows` rows over the given columns. */
export function toRecordBatch(
  table: TableName,
  schema: Schema,
  data: readonly ColumnData[],
  rows: number,
): RecordBatch {
  const specs = LAYOUTS[table].columns;
  const children = schema.fields.map((field, i) =>
    columnToArrow(field.type as DataType, specs[i] as ColumnSpec, data[i] as ColumnData, rows),
  );
  return new RecordBatch(
    schema,
    makeData({ type: new Struct(schema.fields), length: rows, nullCount: 0, children }),
  );
}

/**
 * The columns of one record batch; numbers are views of its buffers where the two agree.
 * @throws DataError where the batch is not of this table
 */
export function fromRecordBatch(table: TableName, batch: RecordBatch): ColumnData[] {
  const specs = LAYOUTS[table].columns;
  const names = batch.schema.fields.map((field) => String(field.name));
  if (names.length !== specs.length || specs.some((spec, i) => spec.name !== names[i])) {
    throw new DataError(
      `Expected the columns of table "${table}" (${specs.map((s) => s.name).join(', ')}), found ${names.join(', ')}; the object belongs to another table.`,
      { table, columns: names },
    );
  }
  return specs.map((spec, i) => columnFromArrow(spec, batch.data.children[i] as Data));
}

/** The scalar type of a leaf once the options are known. */
export function leafType(leaf: Leaf, options: TableOptions): Scalar {
  if (leaf.type !== 'dtype') return leaf.type;
  return options.dtype === 'float32' ? 'f32' : 'f16';
}

function columnType(spec: ColumnSpec, options: TableOptions): DataType {
  const plain = spec.leaves.length === 1 && spec.leaves[0]?.name === '';
  const item = plain
    ? ARROW_TYPE[leafType(spec.leaves[0] as Leaf, options)]()
    : new Struct(
        spec.leaves.map(
          (leaf) => new Field(leaf.name, ARROW_TYPE[leafType(leaf, options)](), false),
        ),
      );
  if (spec.shape === 'one') return item;
  if (spec.shape === 'list') return new List(new Field(ITEM, item, false));
  return new FixedSizeList(stride(spec, options), new Field(ITEM, item, spec.shape === 'slots'));
}

function columnToArrow(type: DataType, spec: ColumnSpec, column: ColumnData, rows: number): Data {
  if (spec.shape === 'one') return leafToArrow(type, column.leaves[0] as LeafValues, spec.nullable);
  const itemType = (type.children as Field[])[0]?.type as DataType;
  const items = itemsToArrow(itemType, spec, column, rows);
  if (spec.shape === 'list') {
    const offsets = column.offsets as Uint32Array;
    return makeData({
      type: type as List,
      length: rows,
      nullCount: 0,
      valueOffsets: new Int32Array(offsets.buffer, offsets.byteOffset, offsets.length),
      child: items,
    });
  }
  return makeData({ type: type as FixedSizeList, length: rows, nullCount: 0, child: items });
}

function itemsToArrow(type: DataType, spec: ColumnSpec, column: ColumnData, rows: number): Data {
  if (spec.leaves[0]?.name === '') return leafToArrow(type, column.leaves[0] as LeafValues, false);
  const fields = type.children as Field[];
  const length = column.leaves[0]?.length ?? 0;
  const children = column.leaves.map((leaf, i) =>
    leafToArrow(fields[i]?.type as DataType, leaf, false),
  );
  const nulls = column.count
    ? emptySlots(column.count, length / Math.max(rows, 1))
    : { nullCount: 0 };
  return makeData({ type: type as Struct, length, children, ...nulls });
}

/** Validity of slots: the first count[i] of each row are valid. */
function emptySlots(count: Uint32Array, k: number): { nullCount: number; nullBitmap?: Uint8Array } {
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

function leafToArrow(type: DataType, leaf: LeafValues, nullable: boolean): Data {
  if (!ArrayBuffer.isView(leaf)) return textToArrow(leaf);
  const length = leaf.length;
  if (type instanceof Bool) return makeData({ type, length, nullCount: 0, data: packBits(leaf) });
  if (type instanceof Uint64) return makeData({ type, length, nullCount: 0, data: toUint64(leaf) });
  const nulls = nullable ? nanAsNull(leaf) : { nullCount: 0 };
  return makeData({ type: type as Float32, length, data: leaf as Float32Array, ...nulls });
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
  return makeData({
    type: new ArrowUtf8(),
    length: strings.length,
    nullCount: 0,
    valueOffsets: offsets,
    data,
  });
}

function nanAsNull(values: TypedValues): { nullCount: number; nullBitmap?: Uint8Array } {
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
  for (let i = 0; i < flags.length; i++)
    if (flags[i] !== 0) bits[i >> 3] = (bits[i >> 3] as number) | (1 << (i & 7));
  return bits;
}

function toUint64(values: TypedValues): BigUint64Array {
  const words = new Uint32Array(values.length * 2);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    words[2 * i] = value % 2 ** 32;
    words[2 * i + 1] = Math.floor(value / 2 ** 32);
  }
  return new BigUint64Array(words.buffer);
}

function columnFromArrow(spec: ColumnSpec, data: Data): ColumnData {
  if (spec.shape === 'one') return { leaves: [leafFromArrow(data, spec.nullable)] };
  const items = data.children[0] as Data;
  const leaves =
    spec.leaves[0]?.name === ''
      ? [leafFromArrow(items, false)]
      : items.children.map((child) => leafFromArrow(child as Data, false));
  if (spec.shape === 'list') return { leaves, offsets: offsetsOf(data) };
  return spec.shape === 'slots' ? { leaves, count: usedSlots(items, data.length) } : { leaves };
}

function leafFromArrow(data: Data, nullable: boolean): LeafValues {
  // A type that was read from a file is no instance of its class (Int rather than Uint64), so the arrays decide.
  if (DataType.isUtf8(data.type)) return textFromArrow(data);
  if (DataType.isBool(data.type)) return unpackBits(data.values as Uint8Array, data.length);
  if (data.values instanceof BigUint64Array) return fromUint64(data.values, data.length);
  const values = (data.values as TypedValues).subarray(0, data.length);
  if (!nullable || data.nullCount === 0) return values;
  const present = unpackBits(data.nullBitmap, data.length);
  return (values.slice() as Float32Array).map((value, i) => (present[i] ? value : NaN));
}

function offsetsOf(data: Data): Uint32Array {
  const offsets = data.valueOffsets as Int32Array;
  return data.length === 0
    ? new Uint32Array(1)
    : new Uint32Array(offsets.buffer, offsets.byteOffset, data.length + 1);
}

function textFromArrow(data: Data): string[] {
  const offsets = offsetsOf(data);
  const bytes = data.values as Uint8Array;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: data.length }, (_, i) =>
    buffer.toString('utf8', offsets[i], offsets[i + 1]),
  );
}

function usedSlots(items: Data, rows: number): Uint32Array {
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

function fromUint64(values: BigUint64Array, length: number): Float64Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, length * 2);
  const numbers = new Float64Array(length);
  for (let i = 0; i < length; i++)
    numbers[i] = (words[2 * i] as number) + (words[2 * i + 1] as number) * 2 ** 32;
  return numbers;
}
