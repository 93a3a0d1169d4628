// One shape for the rows of every column (flat leaves, plus offsets or slot counts), so that cutting, joining and encoding are
// written once. Knows shapes, not tables.
import { DataError } from '../../schemas/errors.js';
import { type ColumnSpec, type TableOptions } from './columns.js';
import type { Layout } from './layouts.js';
import type { LeafValues, TypedValues, Utf8 } from './scalars.js';

/** The rows of one column. */
export interface ColumnData {
  readonly leaves: readonly LeafValues[];
  /** Offsets of lists, outermost first: none, one (list) or two (lists). */
  readonly levels: readonly Uint32Array[];
  /** Used slots per row, of shape slots. */
  readonly count?: Uint32Array | undefined;
}

/**
 * Leaf values per row of a column (1 for lists: ask the offsets).
 * @throws DataError where the options lack the size that the column needs
 */
export function stride(spec: ColumnSpec, options: TableOptions): number {
  if (spec.size === null) return 1;
  const size = options[spec.size];
  if (size !== undefined && size > 0) return size;
  throw new DataError(
    `Expected the option "${spec.size}" (a positive number) for column "${spec.name}", got ${String(size)}; give it with the table's options.`,
    { option: spec.size, column: spec.name },
  );
}

/**
 * Rows that all columns agree on.
 * @throws DataError where two columns differ in length, naming both
 */
export function countRows(layout: Layout, data: readonly ColumnData[], options: TableOptions): number {
  const specs = layout.columns;
  const lengths = specs.map((spec, i) => rowsOf(spec, data[i] as ColumnData, options));
  const rows = lengths[0] ?? 0;
  const odd = lengths.findIndex((length) => length !== rows);
  if (odd >= 0) {
    throw new DataError(
      `Expected ${rows} rows in every column of table "${layout.name}" as in "${specs[0]?.name ?? ''}", got ${String(lengths[odd])} in "${specs[odd]?.name ?? ''}"; give columns of one length.`,
      { table: layout.name, column: specs[odd]?.name, expected: rows, got: lengths[odd] },
    );
  }
  return rows;
}

function rowsOf(spec: ColumnSpec, data: ColumnData, options: TableOptions): number {
  const width = stride(spec, options);
  const lengths = data.leaves.map((leaf) => leaf.length);
  const first = lengths[0] ?? 0;
  if (lengths.some((length) => length !== first)) return NaN;
  // From the inside out: each level's last offset is the length of what it cuts.
  const lists = data.levels.reduceRight((items, level) => (level.at(-1) === items ? level.length - 1 : NaN), first);
  if (data.count && data.count.length * width !== first) return NaN;
  return lists / width;
}

/**
 * Rows from … to − 1 of a column; views, except that offsets are copied to start at 0.
 * @param width leaf values per row (see `stride`); 1 for lists
 */
export function sliceColumn(data: ColumnData, [from, to]: readonly [number, number], width: number): ColumnData {
  let base = from * width;
  let end = to * width;
  const levels = data.levels.map((level) => {
    const piece = rebased(level, base, end);
    [base, end] = [level[base] as number, level[end] as number];
    return piece;
  });
  return {
    leaves: data.leaves.map((leaf) => cut(leaf, base, end)),
    levels,
    count: data.count?.subarray(from, to),
  };
}

/** The rows of several pieces of one column, one after the other; a single piece is returned as it is. */
export function joinColumn(pieces: readonly ColumnData[]): ColumnData {
  const first = pieces[0];
  if (!first) return { leaves: [], levels: [] };
  if (pieces.length === 1) return first;
  return {
    leaves: first.leaves.map((_, i) => joinLeaf(pieces.map((piece) => piece.leaves[i] as LeafValues))),
    levels: first.levels.map((_, i) => joinOffsets(pieces.map((piece) => piece.levels[i] as Uint32Array))),
    count: first.count ? (joinLeaf(pieces.map((piece) => piece.count as Uint32Array)) as Uint32Array) : undefined,
  };
}

/** A deep copy, for rows that outlive the caller's buffers. */
export function copyColumn(data: ColumnData): ColumnData {
  return {
    leaves: data.leaves.map((leaf) => leaf.slice()),
    levels: data.levels.map((level) => level.slice()),
    count: data.count?.slice(),
  };
}

function cut(leaf: LeafValues, from: number, to: number): LeafValues {
  return ArrayBuffer.isView(leaf) ? leaf.subarray(from, to) : leaf.slice(from, to);
}

/** Offsets from … to of a level, starting at 0. */
function rebased(level: Uint32Array, from: number, to: number): Uint32Array {
  const piece = level.slice(from, to + 1);
  const base = piece[0] as number;
  if (base > 0) for (let i = 0; i < piece.length; i++) piece[i] = (piece[i] as number) - base;
  return piece;
}

function joinLeaf(pieces: readonly LeafValues[]): LeafValues {
  const first = pieces[0];
  if (!ArrayBuffer.isView(first)) return (pieces as readonly Utf8[]).flat();
  const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const joined = new (first.constructor as new (length: number) => TypedValues)(total);
  let at = 0;
  for (const piece of pieces as readonly TypedValues[]) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

function joinOffsets(pieces: readonly Uint32Array[]): Uint32Array {
  const joined = new Uint32Array(pieces.reduce((sum, piece) => sum + piece.length - 1, 1));
  let at = 0;
  for (const piece of pieces) {
    const base = joined[at] as number;
    for (let i = 1; i < piece.length; i++) joined[at + i] = base + (piece[i] as number);
    at += piece.length - 1;
  }
  return joined;
}
