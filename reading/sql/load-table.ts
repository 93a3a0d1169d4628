// Loads tables of a store into a DuckDB database, batch by batch, and says beforehand what they take.
import type { DuckDBConnection } from '@duckdb/node-api';
import type { ObjectRecord } from '../../schemas/records.js';
import { labelsBeside, userLabelColumns, type UserLabels } from '../../storage/labels/user-labels.js';
import { isPlain, leafType, type ColumnSpec, type Leaf, type TableOptions } from '../../storage/tables/columns.js';
import { LAYOUTS, type Layout, type TableColumns, type TableName } from '../../storage/tables/layouts.js';
import { packColumns } from '../../storage/tables/pack.js';
import type { Scalar } from '../../storage/tables/scalars.js';
import { hasOptions, readTableOptions } from '../../storage/tables/file-schema.js';
import { readBatches, type ReadOptions } from '../../storage/scan/batch-reader.js';
import { planRanges } from '../../storage/scan/planner.js';
import { createRowsAppender } from './duckdb-columns.js';

export interface TableSource {
  /** Run whose table it is; left out where it is the one that unqualified names mean. */
  readonly run?: string;
  /** Schema in the database, e.g. a dictionary's name. */
  readonly schema: string;
  readonly table: TableName;
  readonly objects: readonly ObjectRecord[];
  /** Of the table of labels: those that users gave, which take the place of the stored ones. */
  readonly given?: UserLabels;
}

export interface LoadedTable {
  readonly run?: string;
  readonly schema: string;
  readonly table: TableName;
  readonly columns: readonly string[];
  readonly rows: number;
}

/** Uncompressed bytes of lists and text are not recorded; they are at most about this many times the stored ones. */
const EXPANSION = 4;

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
  wanted: {
    readonly columns: readonly string[];
    readonly read: ReadOptions;
    /** Told how many rows are in it so far. */
    readonly onRows?: ((rows: number) => void) | undefined;
  },
): Promise<LoadedTable> {
  const { run, schema, table } = source;
  const { read, onRows } = wanted;
  const options = await optionsOf(source, read);
  const specs = wantedColumns(table, wanted.columns);
  const layout: Layout = LAYOUTS[table];
  const appender = await createRowsAppender(connection, { run, schema, layout, specs, options });
  let rows = 0;
  for await (const batch of batchesOf(source, { ...read, ...options })) {
    appender.append(packColumns(layout, batch.columns), batch.rows);
    rows += batch.rows;
    onRows?.(rows);
  }
  appender.close();
  return { ...(run === undefined ? {} : { run }), schema, table, columns: specs.map((spec) => spec.name), rows };
}

interface Batch {
  readonly columns: TableColumns[TableName];
  readonly rows: number;
}

/** The stored rows; of labels those that no user's replaces, and then the users'. */
async function* batchesOf(
  { table, objects, given }: TableSource,
  options: ReadOptions & TableOptions,
): AsyncGenerator<Batch> {
  for await (const { columns, planned } of readBatches(table, planRanges(objects, {}), options)) {
    if (given === undefined) yield { columns, rows: planned.batch.rows };
    else {
      const left = labelsBeside(columns as TableColumns['labels'], given);
      yield { columns: left, rows: left.feature.length };
    }
  }
  if (given !== undefined && given.size > 0) yield { columns: userLabelColumns(given), rows: given.size };
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
