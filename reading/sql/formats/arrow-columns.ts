// Columns of a query's answer as Arrow: the type for each of DuckDB's, and the buffers for a run of its values. What Arrow has no
// type for (unions, bit strings, times with an offset) goes as text, by the rule of core/text/exact-json.ts.
import {
  DuckDBArrayType,
  type DuckDBArrayValue,
  type DuckDBBlobValue,
  type DuckDBDateValue,
  DuckDBDecimalType,
  DuckDBDecimalValue,
  type DuckDBIntervalValue,
  DuckDBListType,
  type DuckDBListValue,
  DuckDBMapType,
  type DuckDBMapValue,
  DuckDBStructType,
  type DuckDBStructValue,
  type DuckDBTimeNSValue,
  type DuckDBTimestampMillisecondsValue,
  type DuckDBTimestampNanosecondsValue,
  type DuckDBTimestampSecondsValue,
  type DuckDBTimestampTZValue,
  type DuckDBTimestampValue,
  type DuckDBTimeValue,
  DuckDBTypeId,
  type DuckDBType,
  type DuckDBValue,
} from '@duckdb/node-api';
import type { Data, DataType } from 'apache-arrow';
import { exactJson } from '../../../core/text/exact-json.js';
import { InputError, ResourceError } from '../../../schemas/errors.js';
import { arrow } from '../../../storage/arrow/library.js';
import { exactDuckValue } from '../exact-values.js';

export interface ArrowColumn {
  readonly type: DataType;
  /** The values 0 … count − 1 of a run. */
  data(count: number, get: (row: number) => DuckDBValue): Data;
}

/** How a column of a DuckDB type is written. */
export function arrowColumn(type: DuckDBType): ArrowColumn {
  if (type instanceof DuckDBListType) return listColumn(arrowColumn(type.valueType));
  if (type instanceof DuckDBArrayType) return arrayColumn(arrowColumn(type.valueType), type.length);
  if (type instanceof DuckDBMapType) return mapColumn(arrowColumn(type.keyType), arrowColumn(type.valueType));
  if (type instanceof DuckDBStructType) return structColumn(type.entryNames, type.entryTypes.map(arrowColumn));
  if (type instanceof DuckDBDecimalType) return decimalColumn(type.width, type.scale);
  return (FIXED[type.typeId] ?? (() => textColumn()))();
}

type NumberArray =
  Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array | Float32Array | Float64Array;

function numbers(
  type: DataType,
  make: (count: number) => NumberArray,
  of: (value: DuckDBValue) => number = Number,
): ArrowColumn {
  return fixedColumn(type, (count, get, valid) => {
    const data = make(count);
    for (let row = 0; row < count; row++) if (valid(row)) data[row] = of(get(row));
    return data;
  });
}

function bigNumbers(type: DataType, of: (value: DuckDBValue) => bigint, unsigned = false): ArrowColumn {
  return fixedColumn(type, (count, get, valid) => {
    const data = unsigned ? new BigUint64Array(count) : new BigInt64Array(count);
    for (let row = 0; row < count; row++) if (valid(row)) data[row] = of(get(row));
    return data;
  });
}

const asBigint = (value: DuckDBValue): bigint => value as bigint;

/** Types of one fixed width; all others of one value go as text. */
const FIXED: { readonly [id in DuckDBTypeId]?: () => ArrowColumn } = {
  [DuckDBTypeId.BOOLEAN]: boolColumn,
  [DuckDBTypeId.TINYINT]: () => numbers(new arrow.Int8(), (n) => new Int8Array(n)),
  [DuckDBTypeId.SMALLINT]: () => numbers(new arrow.Int16(), (n) => new Int16Array(n)),
  [DuckDBTypeId.INTEGER]: () => numbers(new arrow.Int32(), (n) => new Int32Array(n)),
  [DuckDBTypeId.UTINYINT]: () => numbers(new arrow.Uint8(), (n) => new Uint8Array(n)),
  [DuckDBTypeId.USMALLINT]: () => numbers(new arrow.Uint16(), (n) => new Uint16Array(n)),
  [DuckDBTypeId.UINTEGER]: () => numbers(new arrow.Uint32(), (n) => new Uint32Array(n)),
  [DuckDBTypeId.FLOAT]: () => numbers(new arrow.Float32(), (n) => new Float32Array(n)),
  [DuckDBTypeId.DOUBLE]: () => numbers(new arrow.Float64(), (n) => new Float64Array(n)),
  [DuckDBTypeId.DATE]: () =>
    numbers(
      new arrow.DateDay(),
      (n) => new Int32Array(n),
      (value) => (value as DuckDBDateValue).days,
    ),
  [DuckDBTypeId.BIGINT]: () => bigNumbers(new arrow.Int64(), asBigint),
  [DuckDBTypeId.UBIGINT]: () => bigNumbers(new arrow.Uint64(), asBigint, true),
  [DuckDBTypeId.HUGEINT]: () => decimalColumn(MOST_DIGITS, 0),
  [DuckDBTypeId.TIME]: () => bigNumbers(new arrow.TimeMicrosecond(), (value) => (value as DuckDBTimeValue).micros),
  [DuckDBTypeId.TIME_NS]: () =>
    bigNumbers(new arrow.TimeNanosecond(), (value) => (value as Pick<DuckDBTimeNSValue, 'nanos'>).nanos),
  [DuckDBTypeId.TIMESTAMP_S]: () =>
    bigNumbers(new arrow.TimestampSecond(), (value) => (value as DuckDBTimestampSecondsValue).seconds),
  [DuckDBTypeId.TIMESTAMP_MS]: () =>
    bigNumbers(new arrow.TimestampMillisecond(), (value) => (value as DuckDBTimestampMillisecondsValue).millis),
  [DuckDBTypeId.TIMESTAMP]: () =>
    bigNumbers(new arrow.TimestampMicrosecond(), (value) => (value as Pick<DuckDBTimestampValue, 'micros'>).micros),
  [DuckDBTypeId.TIMESTAMP_NS]: () =>
    bigNumbers(new arrow.TimestampNanosecond(), (value) => (value as DuckDBTimestampNanosecondsValue).nanos),
  [DuckDBTypeId.TIMESTAMP_TZ]: () =>
    bigNumbers(
      new arrow.TimestampMicrosecond('UTC'),
      (value) => (value as Pick<DuckDBTimestampTZValue, 'micros'>).micros,
    ),
  [DuckDBTypeId.INTERVAL]: intervalColumn,
  [DuckDBTypeId.BLOB]: () =>
    bytesColumn(new arrow.Binary(), (value) => (value as Pick<DuckDBBlobValue, 'bytes'>).bytes),
};

type Get = (row: number) => DuckDBValue;

function fixedColumn(
  type: DataType,
  fill: (count: number, get: Get, valid: (row: number) => boolean) => ArrayBufferView,
): ArrowColumn {
  return {
    type,
    data: (count, get) => {
      const validity = validityOf(count, get);
      const data = fill(count, get, (row) => isSet(validity.nullBitmap, row));
      return arrow.makeData({ type, length: count, ...validity, data } as never);
    },
  };
}

function boolColumn(): ArrowColumn {
  return fixedColumn(new arrow.Bool(), (count, get) => bitsOf(count, (row) => get(row) === true));
}

function intervalColumn(): ArrowColumn {
  return fixedColumn(new arrow.IntervalMonthDayNano(), (count, get, valid) => {
    const bytes = new Int32Array(count * 4);
    const view = new DataView(bytes.buffer);
    for (let row = 0; row < count; row++) {
      if (!valid(row)) continue;
      const { months, days, micros } = get(row) as DuckDBIntervalValue;
      view.setInt32(row * 16, months, true);
      view.setInt32(row * 16 + 4, days, true);
      view.setBigInt64(row * 16 + 8, nanosOf(micros), true);
    }
    return bytes;
  });
}

function nanosOf(micros: bigint): bigint {
  const nanos = micros * 1000n;
  if (BigInt.asIntN(64, nanos) === nanos) return nanos;
  throw new InputError(
    `Expected intervals of at most 2^63 nanoseconds beside their months and days, which is what Arrow has, found ${micros} microseconds; cast the column to varchar.`,
  );
}

/** Digits of a decimal of 128 bits. */
const MOST_DIGITS = 38;

function decimalColumn(precision: number, scale: number): ArrowColumn {
  const most = 10n ** BigInt(MOST_DIGITS);
  return fixedColumn(new arrow.Decimal(scale, precision, 128), (count, get, valid) => {
    const words = new Uint32Array(count * 4);
    const view = new DataView(words.buffer);
    for (let row = 0; row < count; row++) {
      if (!valid(row)) continue;
      const value = get(row);
      const unscaled = value instanceof DuckDBDecimalValue ? value.value : (value as bigint);
      if (unscaled >= most || unscaled <= -most)
        throw new InputError(
          `Expected whole numbers of at most ${MOST_DIGITS} digits, which is what Arrow has, found ${unscaled}; cast the column to varchar.`,
        );
      view.setBigInt64(row * 16, BigInt.asIntN(64, unscaled), true);
      view.setBigInt64(row * 16 + 8, unscaled >> 64n, true);
    }
    return words;
  });
}

/** Text: what is none is written by the rule. */
function textColumn(): ArrowColumn {
  return bytesColumn(new arrow.Utf8(), (value) => {
    const exact = exactDuckValue(value);
    return Buffer.from(typeof exact === 'string' ? exact : exactJson(exact));
  });
}

const MOST_BYTES = 2 ** 31 - 1;

function bytesColumn(type: DataType, of: (value: DuckDBValue) => Uint8Array): ArrowColumn {
  return {
    type,
    data: (count, get) => {
      const validity = validityOf(count, get);
      const valueOffsets = new Int32Array(count + 1);
      const parts: Uint8Array[] = [];
      let bytes = 0;
      for (let row = 0; row < count; row++) {
        const part = isSet(validity.nullBitmap, row) ? of(get(row)) : null;
        if (part !== null) parts.push(part);
        bytes += part?.length ?? 0;
        if (bytes > MOST_BYTES)
          throw new ResourceError(
            `Expected ${count} values of at most 2 GiB together, found more; take fewer at once.`,
          );
        valueOffsets[row + 1] = bytes;
      }
      return arrow.makeData({ type, length: count, ...validity, valueOffsets, data: Buffer.concat(parts) } as never);
    },
  };
}

function listColumn(item: ArrowColumn): ArrowColumn {
  const type = new arrow.List(new arrow.Field('item', item.type, true));
  return nested(
    type,
    (value) => (value as Pick<DuckDBListValue, 'items'>).items,
    (count, get) => item.data(count, get),
  );
}

function mapColumn(key: ArrowColumn, value: ArrowColumn): ArrowColumn {
  const fields = [new arrow.Field('key', key.type, false), new arrow.Field('value', value.type, true)] as const;
  const entries = new arrow.Struct([...fields]);
  const type = new arrow.Map_(new arrow.Field('entries', entries, false) as never);
  return nested(
    type,
    (one) => (one as DuckDBMapValue).entries.map((entry) => [entry.key, entry.value] as const),
    (count, get) => {
      const children = [key.data(count, (i) => get(i)[0]), value.data(count, (i) => get(i)[1])];
      return arrow.makeData({ type: entries, length: count, nullCount: 0, children });
    },
  );
}

/** A column of runs of items, whose lengths vary. */
function nested<Item>(
  type: DataType,
  itemsOf: (value: DuckDBValue) => readonly Item[],
  dataOf: (count: number, get: (i: number) => Item) => Data,
): ArrowColumn {
  return {
    type,
    data: (count, get) => {
      const validity = validityOf(count, get);
      const valueOffsets = new Int32Array(count + 1);
      const all: Item[] = [];
      for (let row = 0; row < count; row++) {
        if (isSet(validity.nullBitmap, row)) for (const item of itemsOf(get(row))) all.push(item);
        valueOffsets[row + 1] = all.length;
      }
      const child = dataOf(all.length, (i) => all[i] as Item);
      return arrow.makeData({ type, length: count, ...validity, valueOffsets, child } as never);
    },
  };
}

function arrayColumn(item: ArrowColumn, width: number): ArrowColumn {
  const type = new arrow.FixedSizeList(width, new arrow.Field('item', item.type, true));
  return {
    type,
    data: (count, get) => {
      const validity = validityOf(count, get);
      const rows = Array.from(
        { length: count },
        (_, row) => (get(row) as Pick<DuckDBArrayValue, 'items'> | null)?.items ?? null,
      );
      const child = item.data(count * width, (i) => rows[Math.floor(i / width)]?.[i % width] ?? null);
      return arrow.makeData({ type, length: count, ...validity, child });
    },
  };
}

function structColumn(names: readonly string[], columns: readonly ArrowColumn[]): ArrowColumn {
  const type = new arrow.Struct(names.map((name, i) => new arrow.Field(name, (columns[i] as ArrowColumn).type, true)));
  return {
    type,
    data: (count, get) => {
      const validity = validityOf(count, get);
      const rows = Array.from({ length: count }, (_, row) => (get(row) as DuckDBStructValue | null)?.entries ?? null);
      const children = columns.map((column, i) => column.data(count, (row) => rows[row]?.[names[i] as string] ?? null));
      return arrow.makeData({ type, length: count, ...validity, children });
    },
  };
}

function validityOf(count: number, get: Get): { readonly nullCount: number; readonly nullBitmap: Uint8Array } {
  let nullCount = 0;
  const nullBitmap = bitsOf(count, (row) => {
    const known = get(row) !== null;
    if (!known) nullCount++;
    return known;
  });
  return { nullCount, nullBitmap };
}

/** Padded, as the library's own bitmaps are. */
function bitsOf(count: number, isOne: (row: number) => boolean): Uint8Array {
  const bits = new Uint8Array(Math.ceil(count / 64) * 8);
  for (let row = 0; row < count; row++) if (isOne(row)) bits[row >> 3] = (bits[row >> 3] ?? 0) | (1 << (row & 7));
  return bits;
}

function isSet(bits: Uint8Array, row: number): boolean {
  return ((bits[row >> 3] ?? 0) & (1 << (row & 7))) !== 0;
}
