// Columns of a query's answer as Arrow: the kind of column for each of DuckDB's types, texts and bytes among them. What Arrow has no
// type for (unions, bit strings, times with an offset) goes as text, by the rule of core/text/exact-json.ts.
import {
  DuckDBArrayType,
  type DuckDBBlobValue,
  type DuckDBDateValue,
  DuckDBDecimalType,
  DuckDBListType,
  DuckDBMapType,
  DuckDBStructType,
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
import type { DataType } from 'apache-arrow';
import { exactJson } from '../../../core/text/exact-json.js';
import { ResourceError } from '../../../schemas/errors.js';
import { arrow } from '../../../storage/arrow/library.js';
import { exactDuckValue } from '../exact-values.js';
import { isSet, validityOf, type ArrowColumn } from './arrow-column.js';
import { bigNumbers, boolColumn, decimalColumn, intervalColumn, MOST_DIGITS, numbers } from './arrow-fixed.js';
import { arrayColumn, listColumn, mapColumn, structColumn } from './arrow-nested.js';

/** How a column of a DuckDB type is written. */
export function arrowColumn(type: DuckDBType): ArrowColumn {
  if (type instanceof DuckDBListType) return listColumn(arrowColumn(type.valueType));
  if (type instanceof DuckDBArrayType) return arrayColumn(arrowColumn(type.valueType), type.length);
  if (type instanceof DuckDBMapType) return mapColumn(arrowColumn(type.keyType), arrowColumn(type.valueType));
  if (type instanceof DuckDBStructType) return structColumn(type.entryNames, type.entryTypes.map(arrowColumn));
  if (type instanceof DuckDBDecimalType) return decimalColumn(type.width, type.scale);
  return (FIXED[type.typeId] ?? (() => textColumn()))();
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
