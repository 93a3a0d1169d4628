// Values of DuckDB as JSON by the one rule of core/text/exact-json.ts: nothing is lost on the way out of `sql`, and no value ends the
// query. Every form of output takes its values from here.
import {
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBGeometryValue,
  DuckDBIntervalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimeNSValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeTZValue,
  DuckDBTimeValue,
  DuckDBUnionValue,
  DuckDBVariantValue,
  type DuckDBValue,
} from '@duckdb/node-api';
import {
  exactBytes,
  exactClock,
  exactDay,
  exactDecimal,
  exactDuration,
  exactTime,
  exactValue,
} from '../../core/text/exact-json.js';

/**
 * A value of a result (`getRows`) for `exactJson`: null, boolean, text, number, `NumberLiteral`, array, object. Bit strings are their
 * zeros and ones, maps lists of keys and values, unions objects of tag and value; infinite dates are DuckDB's words for them.
 */
export function exactDuckValue(value: DuckDBValue): unknown {
  if (typeof value !== 'object' || value === null) return exactValue(value);
  return timeValue(value) ?? nestedValue(value) ?? scalarValue(value);
}

/** DuckDB's infinite counts; the library's own texts of most of them are finite dates. */
const INFINITE_DAYS = 2 ** 31 - 1;
const INFINITE_COUNT = 2n ** 63n - 1n;

/** Moments and days; undefined for everything else. */
function timeValue(value: DuckDBValue & object): string | undefined {
  if (value instanceof DuckDBDateValue) return dayText(value.days);
  if (value instanceof DuckDBTimestampValue || value instanceof DuckDBTimestampTZValue)
    return momentText(value.micros, 6);
  if (value instanceof DuckDBTimestampNanosecondsValue) return momentText(value.nanos, 9);
  if (value instanceof DuckDBTimestampMillisecondsValue) return momentText(value.millis, 3);
  if (value instanceof DuckDBTimestampSecondsValue) return momentText(value.seconds, 0);
  return undefined;
}

function dayText(days: number): string {
  if (Math.abs(days) === INFINITE_DAYS) return days > 0 ? 'infinity' : '-infinity';
  return exactDay(days);
}

/** @param count of units of 10^−digits seconds */
function momentText(count: bigint, digits: 0 | 3 | 6 | 9): string {
  if (count === INFINITE_COUNT) return 'infinity';
  if (count === -INFINITE_COUNT) return '-infinity';
  return digits === 0 ? exactTime(count * 1000n, 3) : exactTime(count, digits);
}

function nestedValue(value: DuckDBValue & object): unknown {
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue) return value.items.map(exactDuckValue);
  if (value instanceof DuckDBStructValue) {
    return Object.fromEntries(Object.entries(value.entries).map(([name, item]) => [name, exactDuckValue(item)]));
  }
  if (value instanceof DuckDBMapValue) {
    return value.entries.map((entry) => ({ key: exactDuckValue(entry.key), value: exactDuckValue(entry.value) }));
  }
  if (value instanceof DuckDBUnionValue) return { tag: value.tag, value: exactDuckValue(value.value) };
  return undefined;
}

function scalarValue(value: DuckDBValue & object): unknown {
  if (value instanceof DuckDBVariantValue) return exactDuckValue(value.value);
  if (value instanceof DuckDBDecimalValue) return exactDecimal(value.value, value.scale);
  if (value instanceof DuckDBTimeValue) return exactClock(value.micros, 6);
  if (value instanceof DuckDBTimeNSValue) return exactClock(value.nanos, 9);
  if (value instanceof DuckDBTimeTZValue) return `${exactClock(value.micros, 6)}${offsetText(value.offset)}`;
  if (value instanceof DuckDBIntervalValue) {
    return exactDuration({ months: value.months, days: value.days, count: value.micros, digits: 6 });
  }
  if (value instanceof DuckDBBlobValue || value instanceof DuckDBGeometryValue) return exactBytes(value.bytes);
  return value.toString();
}

/** ±HH:MM, with seconds where there are any. */
function offsetText(seconds: number): string {
  const size = Math.abs(seconds);
  const parts = [Math.floor(size / 3600), Math.floor(size / 60) % 60, size % 60];
  const kept = parts[2] === 0 ? parts.slice(0, 2) : parts;
  return `${seconds < 0 ? '-' : '+'}${kept.map((part) => String(part).padStart(2, '0')).join(':')}`;
}
