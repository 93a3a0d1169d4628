// Loads tables into a DuckDB database, batch by batch: typed arrays go straight into its vectors; lists and nullable
// columns as values. Numbers keep their meaning, not their width: f16 becomes FLOAT; unused slots of `top` are left out.
import {
  ARRAY,
  BOOLEAN,
  DOUBLE,
  DuckDBDataChunk,
  FLOAT,
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
import { leafType, toUint64 } from '../../storage/tables/arrow-columns.js';
import {
  packColumns,
  sliceColumn,
  stride,
  type ColumnData,
  type LeafValues,
  type TypedValues,
} from '../../storage/tables/column-data.js';
import {
  LAYOUTS,
  type ColumnSpec,
  type Scalar,
  type TableName,
  type TableOptions,
} from '../../storage/tables/layouts.js';
import { readTableOptions } from '../../storage/tables/read.js';
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
  f16: FLOAT,
  f32: FLOAT,
  f64: DOUBLE,
  bool: BOOLEAN,
  utf8: VARCHAR,
};
const FIXED_BYTES: { readonly [S in Scalar]: number | null } = {
  u32: 4,
  u64: 8,
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
    spec.shape === 'one' ? FIXED_BYTES[leafType(spec.leaves[0] as ColumnSpec['leaves'][0], {})] : null,
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
  const positions = specs.map((spec) => LAYOUTS[table].columns.indexOf(spec));
  let rows = 0;
  for await (const { columns, planned } of readBatches(table, planRanges(objects, {}), {
    ...read,
    ...options,
  })) {
    const data = packColumns(table, columns);
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
  const { columns: all } = LAYOUTS[table];
  const wanted = all.filter((spec) => columns.includes(spec.name));
  return wanted.length > 0 ? wanted : all.slice(0, 1);
}

async function optionsOf({ objects, table }: TableSource, read: ReadOptions): Promise<TableOptions> {
  const first = objects.find((object) => object.batches.length > 0);
  if (!first) return { width: 1, k: 1 };
  if (table !== 'top' && table !== 'activations') return {};
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
  if (spec.shape === 'one') return item;
  return spec.shape === 'width' ? ARRAY(item, stride(spec, options)) : LIST(item);
}

function isPlain(spec: ColumnSpec): boolean {
  return spec.leaves[0]?.name === '';
}

interface Filling {
  readonly spec: ColumnSpec;
  readonly column: ColumnData;
  readonly options: TableOptions;
}

function fillColumn(chunk: DuckDBDataChunk, at: number, { spec, column, options }: Filling): void {
  const leaf = column.leaves[0] as LeafValues;
  const scalar = leafType(spec.leaves[0] as ColumnSpec['leaves'][0], options);
  if (spec.shape !== 'one') chunk.setColumnValues(at, nestedValues(spec, column, options));
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
  else if (scalar === 'u32' && items instanceof Uint32Array) items.set(values);
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

function plainValue(scalar: Scalar, value: number): DuckDBValue {
  if (scalar === 'bool') return value !== 0;
  if (Number.isNaN(value)) return null;
  if (scalar === 'u64') return BigInt(value);
  return scalar === 'f16' ? halfToFloat(value) : value;
}

/** Lists, arrays and slots of every row. */
function nestedValues(spec: ColumnSpec, column: ColumnData, options: TableOptions): DuckDBValue[] {
  const scalars = spec.leaves.map((leaf) => leafType(leaf, options));
  const leaves = column.leaves as readonly TypedValues[];
  const item = (i: number): DuckDBValue => {
    if (isPlain(spec)) return plainValue(scalars[0] as Scalar, leaves[0]?.[i] as number);
    return structValue(
      Object.fromEntries(
        spec.leaves.map((leaf, l) => [leaf.name, plainValue(scalars[l] as Scalar, leaves[l]?.[i] as number)]),
      ),
    );
  };
  const items = (from: number, count: number): DuckDBValue[] => Array.from({ length: count }, (_, i) => item(from + i));
  const { offsets, count } = column;
  if (offsets)
    return Array.from({ length: offsets.length - 1 }, (_, row) =>
      listValue(items(offsets[row] as number, (offsets[row + 1] as number) - (offsets[row] as number))),
    );
  const width = stride(spec, options);
  const rows = (leaves[0]?.length ?? 0) / width;
  if (count) return Array.from(count, (used, row) => listValue(items(row * width, used)));
  return Array.from({ length: rows }, (_, row) => arrayValue(items(row * width, width)));
}
