// Between a table's columns as code holds them (one member per column) and as they are written (leaves and offsets), both ways,
// from the table's row alone.
import { DataError } from '../../schemas/errors.js';
import {
  LEVELS,
  isPlain,
  leafMember,
  memberName,
  type ColumnSpec,
  type Columns,
  type Leaf,
  type MembersOf,
} from './columns.js';
import type { ColumnData } from './column-data.js';
import type { Layout } from './layouts.js';
import { scalarRow, type LeafValues } from './scalars.js';

type Members = Readonly<Record<string, unknown>>;

/** A table's columns in the order of its row, as views. @throws DataError where one is missing */
export function packColumns<C extends Columns>(layout: Layout<C>, columns: MembersOf<C>): readonly ColumnData[] {
  return layout.columns.map((spec) => packColumn(spec, columns));
}

/** The inverse of `packColumns`. @throws DataError where a column is held in another array than its row says */
export function unpackColumns<C extends Columns>(layout: Layout<C>, data: readonly ColumnData[]): MembersOf<C> {
  const columns: Record<string, unknown> = {};
  layout.columns.forEach((spec, i) => {
    const column = data[i] as ColumnData;
    if (spec.sharing !== null) columns[spec.sharing] ??= column.levels[0];
    columns[memberName(spec.name)] = unpackColumn(spec, column);
  });
  return columns as MembersOf<C>;
}

/** Whether the values of a column are its member itself, rather than a member of it. */
function isBare(spec: ColumnSpec): boolean {
  return spec.sharing !== null || spec.shape === 'one' || spec.shape === 'fixed';
}

function packColumn(spec: ColumnSpec, columns: Members): ColumnData {
  const own = columns[memberName(spec.name)];
  const members = (isBare(spec) && isPlain(spec) ? { values: own } : own) as Members | undefined;
  const given = (name: string, of = members): unknown => {
    if (of?.[name] !== undefined) return of[name];
    throw new DataError(`Expected column "${spec.name}" with its ${name}, got none; give every column of the table.`, {
      column: spec.name,
      member: name,
    });
  };
  const leaves = spec.leaves.map((leaf) => given(leafMember(leaf)) as LeafValues);
  const levels =
    spec.sharing === null
      ? LEVELS[spec.shape].map((level) => given(level) as Uint32Array)
      : [given(spec.sharing, columns) as Uint32Array];
  return spec.shape === 'slots' ? { leaves, levels, count: given('count') as Uint32Array } : { leaves, levels };
}

function unpackColumn(spec: ColumnSpec, column: ColumnData): unknown {
  const values = spec.leaves.map((leaf, i) => checked(spec, leaf, column.leaves[i]));
  if (isBare(spec) && isPlain(spec)) return values[0];
  const members: Record<string, unknown> = {};
  if (column.count) members['count'] = column.count;
  LEVELS[spec.shape].forEach((level, i) => (members[level] = column.levels[i]));
  spec.leaves.forEach((leaf, i) => (members[leafMember(leaf)] = values[i]));
  return members;
}

/** @throws DataError where the values are held in another kind of array than the leaf's */
function checked(spec: ColumnSpec, { type }: Leaf, values: LeafValues | undefined): LeafValues {
  const kinds = type === 'dtype' ? [Uint16Array, Float32Array] : [scalarRow(type).held];
  if (values !== undefined && kinds.some((kind) => values instanceof kind)) return values;
  throw new DataError(
    `Expected column "${spec.name}" to hold a ${kinds.map((kind) => kind.name).join(' or ')}, found ${values?.constructor.name ?? 'nothing'}; the file is of another table or format version.`,
    { column: spec.name },
  );
}
