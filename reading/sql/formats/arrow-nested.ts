// Columns made of columns: lists, arrays, maps and structs.
import type {
  DuckDBArrayValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBValue,
} from '@duckdb/node-api';
import type { Data, DataType } from 'apache-arrow';
import { arrow } from '../../../storage/arrow/library.js';
import { isSet, validityOf, type ArrowColumn } from './arrow-column.js';

export function listColumn(item: ArrowColumn): ArrowColumn {
  const type = new arrow.List(new arrow.Field('item', item.type, true));
  return nested(
    type,
    (value) => (value as Pick<DuckDBListValue, 'items'>).items,
    (count, get) => item.data(count, get),
  );
}

export function mapColumn(key: ArrowColumn, value: ArrowColumn): ArrowColumn {
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

export function arrayColumn(item: ArrowColumn, width: number): ArrowColumn {
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

export function structColumn(names: readonly string[], columns: readonly ArrowColumn[]): ArrowColumn {
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
