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
import { FORMAT_VERSION } from '../../schemas/stored.js';
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

/** The array that holds a scalar's values in memory. */
const HELD_IN = {
  u32: Uint32Array,
  u64: Float64Array,
  f16: Uint16Array,
  f32: Float32Array,
  f64: Float64Array,
  bool: Uint8Array,
  utf8: Array,
} as const;

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

/**
 * One record batch of `rows` rows over the given columns, which must be of the table that the schema names.
 * @throws DataError where a column is held in another kind of array than its type asks for
 */
export function toRecordBatch(schema: Schema, data: readonly ColumnData[], rows: number): RecordBatch {
  const table = schema.metadata.get('table') as TableName;
  const dtype = DataType.isFixedSizeList(schema.fields.at(-1)?.type) ? dtypeOf(schema) : undefined;
  const children = LAYOUTS[table].columns.map((spec, i) =>
    columnToArrow(schema.fields[i]?.type as DataType, data[i] as ColumnData, { spec, rows, dtype }),
  );
  const type = new Struct(schema.fields);
  return new RecordBatch(schema, makeData({ type, length: rows, nullCount: 0, children }));
}

function dtypeOf(schema: Schema): TableOptions['dtype'] {
  const item = (schema.fields.at(-1)?.type as FixedSizeList).valueType as DataType;
  return item instanceof Float32 ? 'float32' : 'float16';
}

/**
 * The columns of one record batch; numbers are views of its buffers where the two agree.
 * @throws DataError where the batch is not of this table
 */
export function fromRecordBatch(table: TableName, batch: RecordBatch): ColumnData[] {
  const specs = LAYOUTS[table].columns;
  const names = batch.schema.fields.map((field) => field.name);
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
    : new Struct(spec.leaves.map((leaf) => new Field(leaf.name, ARROW_TYPE[leafType(leaf, options)](), false)));
  if (spec.shape === 'one') return item;
  if (spec.shape === 'list') return new List(new Field(ITEM, item, false));
  return new FixedSizeList(stride(spec, options), new Field(ITEM, item, spec.shape === 'slots'));
}

interface Filling {
  readonly spec: ColumnSpec;
  readonly rows: number;
  readonly dtype: TableOptions['dtype'];
}

function columnToArrow(type: DataType, column: ColumnData, filling: Filling): Data {
  const { spec, rows } = filling;
  if (spec.shape === 'one') return leavesToArrow(column, filling)[0] as Data;
  if (type instanceof List) {
    const offsets = column.offsets as Uint32Array;
    const valueOffsets = new Int32Array(offsets.buffer, offsets.byteOffset, offsets.length);
    const child = itemsToArrow(type.valueType as DataType, column, filling);
    return makeData({ type, length: rows, nullCount: 0, valueOffsets, child });
  }
  if (!(type instanceof FixedSizeList)) throw unknownType(spec.name, type);
  const child = itemsToArrow(type.valueType as DataType, column, filling);
  return makeData({ type, length: rows, nullCount: 0, child });
}

function itemsToArrow(type: DataType, column: ColumnData, filling: Filling): Data {
  const children = leavesToArrow(column, filling);
  if (!(type instanceof Struct)) return children[0] as Data;
  const length = column.leaves[0]?.length ?? 0;
  const slots = length / Math.max(filling.rows, 1);
  const nulls = column.count ? emptySlots(column.count, slots) : { nullCount: 0 };
  return makeData({ type, length, children, ...nulls });
}

function leavesToArrow(column: ColumnData, { spec, dtype }: Filling): Data[] {
  return spec.leaves.map((leaf, i) => {
    const values = column.leaves[i] as LeafValues;
    const scalar = leafType(leaf, { dtype });
    if (!(values instanceof HELD_IN[scalar])) {
      throw new DataError(
        `Expected column "${spec.name}" (${scalar}) in a ${HELD_IN[scalar].name}, got a ${values.constructor.name}; convert it before writing.`,
        { column: spec.name, type: scalar, got: values.constructor.name },
      );
    }
    return ArrayBuffer.isView(values) ? numbersToArrow(scalar, values, spec.nullable) : textToArrow(values);
  });
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

function numbersToArrow(scalar: Scalar, values: TypedValues, nullable: boolean): Data {
  const length = values.length;
  const type = ARROW_TYPE[scalar]();
  const nulls = nullable ? nanAsNull(values) : { nullCount: 0 };
  if (type instanceof Bool) return makeData({ type, length, nullCount: 0, data: packBits(values) });
  if (type instanceof Uint64) return makeData({ type, length, nullCount: 0, data: toUint64(values) });
  if (type instanceof Float16 && values instanceof Uint16Array)
    return makeData({ type, length, data: values, ...nulls });
  if (type instanceof Float32 && values instanceof Float32Array)
    return makeData({ type, length, data: values, ...nulls });
  if (type instanceof Float64 && values instanceof Float64Array)
    return makeData({ type, length, data: values, ...nulls });
  if (type instanceof Uint32 && values instanceof Uint32Array)
    return makeData({ type, length, data: values, ...nulls });
  throw unknownType(scalar, type);
}

function unknownType(name: string, type: DataType): DataError {
  return new DataError(
    `Expected a physical type of the table layouts for "${name}", found type ${type.typeId}; add it to the layouts first.`,
  );
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
  for (let i = 0; i < flags.length; i++) if (flags[i] !== 0) bits[i >> 3] = (bits[i >> 3] as number) | (1 << (i & 7));
  return bits;
}

/** Integers as they are stored: little-endian 64-bit words. */
export function toUint64(values: TypedValues): BigUint64Array {
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
      : items.children.map((child) => leafFromArrow(child, false));
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
  return data.length === 0 ? new Uint32Array(1) : new Uint32Array(offsets.buffer, offsets.byteOffset, data.length + 1);
}

function textFromArrow(data: Data): string[] {
  const offsets = offsetsOf(data);
  const bytes = data.values as Uint8Array;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: data.length }, (_, i) => buffer.toString('utf8', offsets[i], offsets[i + 1]));
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
  for (let i = 0; i < length; i++) numbers[i] = (words[2 * i] as number) + (words[2 * i + 1] as number) * 2 ** 32;
  return numbers;
}
