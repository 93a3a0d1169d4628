// Columns of a small table from its rows as objects, as a log is kept. For tables of plain columns; large tables are never rows.
import { memberName, type Columns, type MembersOf, type RowOf } from './columns.js';
import { LAYOUTS, type Layout, type TableColumns, type TableName, type TableRow } from './layouts.js';
import { scalarRow, type Scalar, type TypedValues } from './scalars.js';

/** A table's columns; what a row leaves out of a column that may be null is null. */
export function columnsFromRows<T extends TableName>(table: T, rows: readonly TableRow<T>[]): TableColumns[T] {
  const layout: Layout = LAYOUTS[table];
  return membersFromRows<Columns>(layout, rows) as TableColumns[T];
}

/** The same for a table that is given by its row. */
export function membersFromRows<C extends Columns>(layout: Layout<C>, rows: readonly RowOf<C>[]): MembersOf<C> {
  const columns = layout.columns.map((spec) => {
    const member = memberName(spec.name);
    return [
      member,
      columnOf(
        spec.item as Scalar,
        rows.map((row) => (row as Readonly<Record<string, unknown>>)[member]),
      ),
    ];
  });
  return Object.fromEntries(columns) as MembersOf<C>;
}

function columnOf(scalar: Scalar, values: readonly unknown[]): unknown {
  const { held } = scalarRow(scalar);
  const column = new held(values.length) as unknown[] | TypedValues;
  values.forEach((value, i) => (column[i] = (value ?? NaN) as number));
  return column;
}
