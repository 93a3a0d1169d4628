// Values of DuckDB as JSON by the one rule of core/text/exact-json.ts: nothing is lost on the way out of `sql`, and no value ends the
// query. Every form of output takes its values from here.
import {
  DuckDBArrayValue,
  DuckDBBitValue,
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
import { exactDay, exactDecimal, exactTime, exactValue } from '../../core/text/exact-json.js';

/**
 * A value of a result (`getRows`) for `exactJson`: null, boolean, text, number, `NumberLiteral`, array, object. Times of day are
 * their microseconds (TIME_NS: nanoseconds), intervals and maps objects; infinite dates are DuckDB's words for them.
 */
export function exactDuckValue(value: DuckDBValue): unknown {
  if (typeof value !== 'object' || value === null) return exactValue(value);
  return timeValue(value) ?? nestedValue(value) ?? scalarValue(value);
}

/** Moments and days; undefined for everything else. */
function timeValue(value: DuckDBValue & object): string | undefined {
  if ('isFinite' in value && !value.isFinite) return value.toString();
  if (value instanceof DuckDBDateValue) return exactDay(value.days);
  if (value instanceof DuckDBTimestampValue || value instanceof DuckDBTimestampTZValue)
    return exactTime(value.micros, 6);
  if (value instanceof DuckDBTimestampNanosecondsValue) return exactTime(value.nanos, 9);
  if (value instanceof DuckDBTimestampMillisecondsValue) return exactTime(value.millis, 3);
  if (value instanceof DuckDBTimestampSecondsValue) return exactTime(value.seconds * 1000n, 3);
  return undefined;
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
  if (value instanceof DuckDBTimeValue) return exactValue(value.micros);
  if (value instanceof DuckDBTimeNSValue) return exactValue(value.nanos);
  if (value instanceof DuckDBTimeTZValue) return exactValue({ micros: value.micros, offset: value.offset });
  if (value instanceof DuckDBIntervalValue) {
    return exactValue({ months: value.months, days: value.days, micros: value.micros });
  }
  if (value instanceof DuckDBBlobValue || value instanceof DuckDBGeometryValue) return exactValue(value.bytes);
  if (value instanceof DuckDBBitValue) return exactValue(value.data);
  return value.toString();
}
