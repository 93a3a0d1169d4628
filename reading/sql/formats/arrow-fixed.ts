// Columns of values of one width: numbers, truth values, intervals, decimals. What does not fit is refused, never wrapped.
import { DuckDBDecimalValue, type DuckDBIntervalValue, type DuckDBValue } from '@duckdb/node-api';
import type { DataType } from 'apache-arrow';
import { InputError } from '../../../schemas/errors.js';
import { arrow } from '../../../storage/arrow/library.js';
import { bitsOf, isSet, validityOf, type ArrowColumn, type Get } from './arrow-column.js';

type NumberArray =
  Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array | Float32Array | Float64Array;

export function numbers(
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

export function bigNumbers(type: DataType, of: (value: DuckDBValue) => bigint, unsigned = false): ArrowColumn {
  return fixedColumn(type, (count, get, valid) => {
    const data = unsigned ? new BigUint64Array(count) : new BigInt64Array(count);
    for (let row = 0; row < count; row++) if (valid(row)) data[row] = of(get(row));
    return data;
  });
}

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

export function boolColumn(): ArrowColumn {
  return fixedColumn(new arrow.Bool(), (count, get) => bitsOf(count, (row) => get(row) === true));
}

export function intervalColumn(): ArrowColumn {
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
export const MOST_DIGITS = 38;

export function decimalColumn(precision: number, scale: number): ArrowColumn {
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
