// Loads tables into a DuckDB database, batch by batch: typed arrays go straight into its vectors; lists and nullable
// columns as values. Numbers keep their meaning, not their width: f16 becomes FLOAT; unused slots are left out.
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
import type { ObjectRecord } from '../../schemas/records.js';
import { toInt64, toUint64 } from '../../storage/tables/int64.js';
import { sliceColumn, stride, type ColumnData } from '../../storage/tables/column-data.js';
import { isPlain, leafType, type ColumnSpec, type Leaf, type TableOptions } from '../../storage/tables/columns.js';
import { LAYOUTS, type Layout, type TableName } from '../../storage/tables/layouts.js';
import { packColumns } from '../../storage/tables/pack.js';
import type { LeafValues, Scalar, TypedValues } from '../../storage/tables/scalars.js';
import { hasOptions, readTableOptions } from '../../storage/tables/file-schema.js';
import { readBatches, type ReadOptions } from '../../storage/scan/batch-reader.js';
import { planRanges } from '../../storage/scan/planner.js';

export interface TableSource {
  /** Schema in the database, e.g. a dictionary's name. */
  readonly schema: string;
  readonly table: TableName;
  readonly objects: readonly ObjectRecord[];
}

export interface LoadedTable {
  readonly schema: string;
  readonly table: TableName;
  readonly columns: readonly string[];
  readonly rows: number;
}

/** Rows of one DuckDB vector. */
const VECTOR_ROWS = 2048;
/** Uncompressed bytes of lists and text are not recorded; they are at most about this many times the stored ones. */
const EXPANSION = 4;

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
const FIXED_BYTES: { readonly [S in Scalar]: number | null } = {
  u32: 4,
  u64: 8,
  i32: 4,
  i64: 8,
  f16: 4,
  f32: 4,
  f64: 8,
  bool: 1,
  utf8: null,
};

/** Bytes that the given columns take in memory, estimated from the records alone. */
export function estimateBytes({ table, objects }: TableSource, columns: readonly string[]): number {
  const rows = objects.reduce((sum, object) => sum + object.rows, 0);
  const stored = objects.reduce((sum, object) => sum + object.bytes, 0);
  const fixed = wantedColumns(table, columns).map((spec) =>
    spec.shape === 'one' && isPlain(spec) ? FIXED_BYTES[leafType(spec.leaves[0] as Leaf, {})] : null,
  );
  const varying = fixed.some((bytes) => bytes === null) ? stored * EXPANSION : 0;
  return varying + rows * fixed.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0);
}

/** Creates the table with the given columns and fills it from its objects. */
export async function loadTable(
  connection: DuckDBConnection,
  source: TableSource,
  wanted: { readonly columns: readonly string[]; readonly read: ReadOptions },
): Promise<LoadedTable> {
  const { schema, table, objects } = source;
  const { read } = wanted;
  const options = await optionsOf(source, read);
  const specs = wantedColumns(table, wanted.columns);
  const types = specs.map((spec) => columnType(spec, options));
  const fields = specs.map((spec, i) => `${quoted(spec.name)} ${String(types[i])}`);
  await connection.run(`create schema if not exists ${quoted(schema)}`);
  await connection.run(`create table ${quoted(schema)}.${quoted(table)} (${fields.join(', ')})`);
  const appender = await connection.createAppender(table, schema);
  const layout: Layout = LAYOUTS[table];
  const positions = specs.map((spec) => layout.columns.indexOf(spec));
  let rows = 0;
  for await (const { columns, planned } of readBatches(table, planRanges(objects, {}), {
    ...read,
    ...options,
  })) {
    const data = packColumns(layout, columns);
    for (let from = 0; from < planned.batch.rows; from += VECTOR_ROWS) {
      const to = Math.min(planned.batch.rows, from + VECTOR_ROWS);
      const chunk = DuckDBDataChunk.create(types, to - from);
      specs.forEach((spec, c) => {
        const column = sliceColumn(data[positions[c] as number] as ColumnData, [from, to], stride(spec, options));
        fillColumn(chunk, c, { spec, column, options });
      });
      appender.appendDataChunk(chunk);
    }
    rows += planned.batch.rows;
  }
  appender.closeSync();
  return { schema, table, columns: specs.map((spec) => spec.name), rows };
}

/** A name as DuckDB takes it, whatever characters it has. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** The asked columns in layout order; the first one where none is asked, so that rows can be counted. */
function wantedColumns(table: TableName, columns: readonly string[]): ColumnSpec[] {
  const all: readonly ColumnSpec[] = LAYOUTS[table].columns;
  const wanted = all.filter((spec) => columns.includes(spec.name));
  return wanted.length > 0 ? wanted : all.slice(0, 1);
}

async function optionsOf({ objects, table }: TableSource, read: ReadOptions): Promise<TableOptions> {
  const first = objects.find((object) => object.batches.length > 0);
  if (!first) return { width: 1, k: 1 };
  if (!hasOptions(LAYOUTS[table])) return {};
  const head = await read.store.getRange(first.key, 0, first.batches[0]?.offset ?? 0, {
    signal: read.signal,
  });
  read.counters.requests++;
  read.counters.bytesFetched += head.length;
  return readTableOptions(head, first.key).options;
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
