// Columns in DuckDB: a table of the types of a row's columns, filled from typed arrays, which go straight into its vectors; lists
// and nullable columns go as values. Numbers keep their meaning, not their width: f16 becomes FLOAT; unused slots are left out.
import {
  ARRAY,
  BIGINT,
  BOOLEAN,
  DOUBLE,
  DuckDBDataChunk,
  FLOAT,
  INTEGER,
  LIST,
  STRUCT,
  UBIGINT,
  UINTEGER,
  VARCHAR,
  arrayValue,
  listValue,
  structValue,
  type DuckDBConnection,
  type DuckDBType,
  type DuckDBValue,
} from '@duckdb/node-api';
import { halfToFloat, halfsToFloats } from '../../core/tensor/half.js';
import { ResourceError } from '../../schemas/errors.js';
import { toInt64, toUint64 } from '../../storage/tables/int64.js';
import { sliceColumn, stride, type ColumnData } from '../../storage/tables/column-data.js';
import { isPlain, leafType, type ColumnSpec, type Leaf, type TableOptions } from '../../storage/tables/columns.js';
import type { Layout } from '../../storage/tables/layouts.js';
import type { LeafValues, Scalar, TypedValues } from '../../storage/tables/scalars.js';
import { quoted } from './quoted.js';

/** Rows of one DuckDB vector. */
const VECTOR_ROWS = 2048;

const DUCKDB_TYPE: { readonly [S in Scalar]: DuckDBType } = {
  u32: UINTEGER,
  u64: UBIGINT,
  i32: INTEGER,
  i64: BIGINT,
  f16: FLOAT,
  f32: FLOAT,
  f64: DOUBLE,
  bool: BOOLEAN,
  utf8: VARCHAR,
};
export interface DatabaseTable {
  /** Attached database; undefined: the one of the connection. */
  readonly run?: string | undefined;
  /** Schema in the database. */
  readonly schema: string;
  readonly layout: Layout;
  /** Those of the layout's columns that the database's table has. */
  readonly specs: readonly ColumnSpec[];
  readonly options: TableOptions;
}

export interface RowsAppender {
  /** Appends rows of the layout's columns, as `packColumns` gives them. */
  append(data: readonly ColumnData[], rows: number): void;
  close(): void;
}

/** Creates the table; rows are in it when the appender is closed. */
export async function createRowsAppender(
  connection: DuckDBConnection,
  { run, schema, layout, specs, options }: DatabaseTable,
): Promise<RowsAppender> {
  const types = specs.map((spec) => columnType(spec, options));
  const fields = specs.map((spec, i) => `${quoted(spec.name)} ${String(types[i])}`);
  const place = run === undefined ? quoted(schema) : `${quoted(run)}.${quoted(schema)}`;
  await connection.run(`create schema if not exists ${place}`);
  await connection.run(`create table ${place}.${quoted(layout.name)} (${fields.join(', ')})`);
  const appender = await connection.createAppender(layout.name, schema, run);
  const positions = specs.map((spec) => layout.columns.indexOf(spec));
  return {
    append: (data, rows) => {
      for (let from = 0; from < rows; from += VECTOR_ROWS) {
        const to = Math.min(rows, from + VECTOR_ROWS);
        const chunk = DuckDBDataChunk.create(types, to - from);
        specs.forEach((spec, c) => {
          const column = sliceColumn(data[positions[c] as number] as ColumnData, [from, to], stride(spec, options));
          fillColumn(chunk, c, { spec, column, options });
        });
        appender.appendDataChunk(chunk);
      }
    },
    close: () => {
      appender.closeSync();
    },
  };
}

function columnType(spec: ColumnSpec, options: TableOptions): DuckDBType {
  const types = spec.leaves.map((leaf) => DUCKDB_TYPE[leafType(leaf, options)]);
  const item = isPlain(spec)
    ? (types[0] as DuckDBType)
    : STRUCT(Object.fromEntries(spec.leaves.map((leaf, i) => [leaf.name, types[i] as DuckDBType])));
  switch (spec.shape) {
    case 'one':
      return item;
    case 'list':
    case 'slots':
      return LIST(item);
    case 'lists':
      return LIST(LIST(item));
    case 'fixed':
      return ARRAY(item, stride(spec, options));
  }
}

interface Filling {
  readonly spec: ColumnSpec;
  readonly column: ColumnData;
  readonly options: TableOptions;
}

function fillColumn(chunk: DuckDBDataChunk, at: number, { spec, column, options }: Filling): void {
  const leaf = column.leaves[0] as LeafValues;
  const scalar = leafType(spec.leaves[0] as Leaf, options);
  if (spec.shape !== 'one' || !isPlain(spec)) chunk.setColumnValues(at, nestedValues(spec, column, options));
  else if (!ArrayBuffer.isView(leaf)) chunk.setColumnValues(at, leaf);
  else if (scalar === 'bool' || spec.nullable)
    chunk.setColumnValues(
      at,
      Array.from(leaf, (value) => plainValue(scalar, value)),
    );
  else fillNumbers(chunk, at, { scalar, values: leaf });
}

/** The vectors' typed arrays are private in the library's types, public in its code (pinned version). */
function fillNumbers(
  chunk: DuckDBDataChunk,
  at: number,
  { scalar, values }: { readonly scalar: Scalar; readonly values: TypedValues },
): void {
  const vector = chunk.getColumnVector(at);
  const items: unknown = Reflect.get(vector, 'items');
  if (scalar === 'u64' && items instanceof BigUint64Array) items.set(toUint64(values));
  else if (scalar === 'i64' && items instanceof BigInt64Array) items.set(toInt64(values));
  else if (scalar === 'u32' && items instanceof Uint32Array) items.set(values);
  else if (scalar === 'i32' && items instanceof Int32Array) items.set(values);
  else if (scalar === 'f64' && items instanceof Float64Array) items.set(values);
  else if (scalar === 'f32' && items instanceof Float32Array) items.set(values);
  else if (scalar === 'f16' && items instanceof Float32Array) halfsToFloats(values as Uint16Array, items);
  else {
    throw new ResourceError(
      `Expected DuckDB's vector of ${scalar} to hold a typed array, found none; install @duckdb/node-api in the version of package-lock.json.`,
      { scalar },
    );
  }
  vector.flush();
}

function plainValue(scalar: Scalar, value: number | string): DuckDBValue {
  if (typeof value === 'string') return value;
  if (scalar === 'bool') return value !== 0;
  if (Number.isNaN(value)) return null;
  if (scalar === 'u64' || scalar === 'i64') return BigInt(value);
  return scalar === 'f16' ? halfToFloat(value) : value;
}

/** Structs, lists, arrays and slots of every row. */
function nestedValues(spec: ColumnSpec, column: ColumnData, options: TableOptions): DuckDBValue[] {
  const item = itemOf(spec, column, options);
  const items = (from: number, count: number): DuckDBValue[] => Array.from({ length: count }, (_, i) => item(from + i));
  const { leaves, levels, count } = column;
  const [outer, inner] = levels;
  const list = (level: Uint32Array, of: (i: number) => DuckDBValue, row: number): DuckDBValue => {
    const from = level[row] as number;
    return listValue(Array.from({ length: (level[row + 1] as number) - from }, (_, i) => of(from + i)));
  };
  const entry = inner ? (i: number): DuckDBValue => list(inner, item, i) : item;
  if (outer) return Array.from({ length: outer.length - 1 }, (_, row) => list(outer, entry, row));
  const width = stride(spec, options);
  const rows = (leaves[0]?.length ?? 0) / width;
  if (count) return Array.from(count, (used, row) => listValue(items(row * width, used)));
  if (spec.shape === 'one') return items(0, rows);
  return Array.from({ length: rows }, (_, row) => arrayValue(items(row * width, width)));
}

/** Item i of a column: a value, or a struct of its leaves. */
function itemOf(spec: ColumnSpec, { leaves }: ColumnData, options: TableOptions): (i: number) => DuckDBValue {
  const scalars = spec.leaves.map((leaf) => leafType(leaf, options));
  const value = (leaf: number, i: number): DuckDBValue =>
    plainValue(scalars[leaf] as Scalar, (leaves[leaf] as LeafValues)[i] as number | string);
  if (isPlain(spec)) return (i) => value(0, i);
  return (i) => structValue(Object.fromEntries(spec.leaves.map(({ name }, leaf) => [name, value(leaf, i)])));
}
