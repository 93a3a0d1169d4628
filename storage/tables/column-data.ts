// One shape for the columns of every table (flat leaves, plus offsets or slot counts), so that cutting, joining and
// encoding are written once; and the two total tables that turn a table's own columns into it and back.
import { DataError } from '../../schemas/errors.js';
import {
  LAYOUTS,
  type ColumnSpec,
  type Layout,
  type TableColumns,
  type TableName,
  type TableOptions,
  type Utf8,
} from './layouts.js';

export type TypedValues = Uint32Array | Float64Array | Float32Array | Uint16Array | Uint8Array;
export type LeafValues = TypedValues | Utf8;

/** The rows of one column: `offsets` (shape list) and `count` (shape slots) exist where the shape has them. */
export interface ColumnData {
  readonly leaves: readonly LeafValues[];
  readonly offsets?: Uint32Array | undefined;
  readonly count?: Uint32Array | undefined;
}

type Pack = { readonly [T in TableName]: (columns: TableColumns[T]) => readonly ColumnData[] };
type Unpack = { readonly [T in TableName]: (data: readonly ColumnData[]) => TableColumns[T] };

const flat = (values: LeafValues): ColumnData => ({ leaves: [values] });

/** A table's columns in the order of its layout. */
const PACK: Pack = {
  source: (c) => [c.id, c.text, c.meta].map(flat),
  documents: (c) => [c.doc, c.id, c.split, c.text, c.tokens, c.meta].map(flat),
  tokens: (c) => [
    flat(c.doc),
    ...[c.ids, c.starts, c.ends].map((values) => ({ leaves: [values], offsets: c.offsets })),
  ],
  activations: (c) => [c.doc, c.pos, c.act].map(flat),
  acts: (c) => [
    flat(c.doc),
    flat(c.pos),
    { leaves: [c.features.feature, c.features.value], offsets: c.features.offsets },
    flat(c.xSq),
    flat(c.errSq),
  ],
  postings: (c) => [c.feature, c.doc, c.pos, c.value].map(flat),
  features: (c) => [
    ...[c.feature, c.n, c.density, c.max, c.mean, c.p50, c.p90, c.p99].map(flat),
    { leaves: [c.topTokens.token, c.topTokens.n], offsets: c.topTokens.offsets },
    flat(c.silent),
  ],
  top: (c) => [
    flat(c.feature),
    { leaves: [c.examples.doc, c.examples.pos, c.examples.value], count: c.examples.count },
  ],
  training: (c) => [c.split, c.step, c.tokens, c.loss, c.fvu, c.l0, c.deadFraction, c.lr, c.gradNorm].map(flat),
};

const UNPACK: Unpack = {
  source: (d) => ({ id: text(d, 0), text: text(d, 1), meta: text(d, 2) }),
  documents: (d) => ({
    doc: u32(d, 0),
    id: text(d, 1),
    split: text(d, 2),
    text: text(d, 3),
    tokens: u32(d, 4),
    meta: text(d, 5),
  }),
  tokens: (d) => ({
    doc: u32(d, 0),
    offsets: offsets(d, 1),
    ids: u32(d, 1),
    starts: u32(d, 2),
    ends: u32(d, 3),
  }),
  activations: (d) => ({ doc: u32(d, 0), pos: u32(d, 1), act: act(d, 2) }),
  acts: (d) => ({
    doc: u32(d, 0),
    pos: u32(d, 1),
    features: { offsets: offsets(d, 2), feature: u32(d, 2, 0), value: u16(d, 2, 1) },
    xSq: f32(d, 3),
    errSq: f32(d, 4),
  }),
  postings: (d) => ({ feature: u32(d, 0), doc: u32(d, 1), pos: u32(d, 2), value: u16(d, 3) }),
  features: (d) => ({
    feature: u32(d, 0),
    n: f64(d, 1),
    density: f64(d, 2),
    max: f32(d, 3),
    mean: f32(d, 4),
    p50: f32(d, 5),
    p90: f32(d, 6),
    p99: f32(d, 7),
    topTokens: { offsets: offsets(d, 8), token: u32(d, 8, 0), n: f64(d, 8, 1) },
    silent: u8(d, 9),
  }),
  top: (d) => ({
    feature: u32(d, 0),
    examples: { count: count(d, 1), doc: u32(d, 1, 0), pos: u32(d, 1, 1), value: u16(d, 1, 2) },
  }),
  training: (d) => ({
    split: text(d, 0),
    step: f64(d, 1),
    tokens: f64(d, 2),
    loss: f64(d, 3),
    fvu: f64(d, 4),
    l0: f64(d, 5),
    deadFraction: f64(d, 6),
    lr: f64(d, 7),
    gradNorm: f64(d, 8),
  }),
};

/** A table's columns in the order of its layout, as views. */
export function packColumns<T extends TableName>(table: T, columns: TableColumns[T]): readonly ColumnData[] {
  return PACK[table](columns);
}

/** The inverse of `packColumns`. */
export function unpackColumns<T extends TableName>(table: T, data: readonly ColumnData[]): TableColumns[T] {
  return UNPACK[table](data);
}

/**
 * Leaf values per row of a column (1 for lists: ask the offsets).
 * @throws DataError where the options lack the width or the slots that the column needs
 */
export function stride(spec: ColumnSpec, options: TableOptions): number {
  if (spec.shape === 'width') return required(options.width, 'width', spec);
  if (spec.shape === 'slots') return required(options.k, 'k', spec);
  return 1;
}

/**
 * Rows that all columns agree on.
 * @throws DataError where two columns differ in length, naming both
 */
export function countRows(table: TableName, data: readonly ColumnData[], options: TableOptions): number {
  const specs = LAYOUTS[table].columns;
  const lengths = specs.map((spec, i) => rowsOf(spec, data[i] as ColumnData, options));
  const rows = lengths[0] ?? 0;
  const odd = lengths.findIndex((length) => length !== rows);
  if (odd >= 0) {
    throw new DataError(
      `Expected ${rows} rows in every column of table "${table}" as in "${specs[0]?.name ?? ''}", got ${String(lengths[odd])} in "${specs[odd]?.name ?? ''}"; give columns of one length.`,
      { table, column: specs[odd]?.name, expected: rows, got: lengths[odd] },
    );
  }
  return rows;
}

function rowsOf(spec: ColumnSpec, data: ColumnData, options: TableOptions): number {
  const width = stride(spec, options);
  const lengths = data.leaves.map((leaf) => leaf.length);
  const first = lengths[0] ?? 0;
  if (lengths.some((length) => length !== first)) return NaN;
  if (spec.shape === 'list') {
    const listed = data.offsets ?? new Uint32Array(1);
    return listed.at(-1) === first ? listed.length - 1 : NaN;
  }
  if (data.count && data.count.length * width !== first) return NaN;
  return first / width;
}

/**
 * Rows from … to − 1 of a column; views, except that offsets are copied to start at 0.
 * @param width leaf values per row (see `stride`); not used for lists
 */
export function sliceColumn(data: ColumnData, [from, to]: readonly [number, number], width: number): ColumnData {
  if (data.offsets) {
    const base = data.offsets[from] as number;
    const end = data.offsets[to] as number;
    const rebased = data.offsets.slice(from, to + 1);
    if (base > 0) for (let i = 0; i < rebased.length; i++) rebased[i] = (rebased[i] as number) - base;
    return { leaves: data.leaves.map((leaf) => cut(leaf, base, end)), offsets: rebased };
  }
  return {
    leaves: data.leaves.map((leaf) => cut(leaf, from * width, to * width)),
    count: data.count?.subarray(from, to),
  };
}

/** The rows of several pieces of one column, one after the other; a single piece is returned as it is. */
export function joinColumn(pieces: readonly ColumnData[]): ColumnData {
  const first = pieces[0];
  if (!first) return { leaves: [] };
  if (pieces.length === 1) return first;
  const leaves = first.leaves.map((_, i) => joinLeaf(pieces.map((piece) => piece.leaves[i] as LeafValues)));
  const joined = {
    leaves,
    count: first.count ? (joinLeaf(pieces.map((piece) => piece.count as Uint32Array)) as Uint32Array) : undefined,
  };
  return first.offsets
    ? { ...joined, offsets: joinOffsets(pieces.map((piece) => piece.offsets as Uint32Array)) }
    : joined;
}

/** A deep copy, for rows that outlive the caller's buffers. */
export function copyColumn(data: ColumnData): ColumnData {
  return {
    leaves: data.leaves.map((leaf) => leaf.slice()),
    offsets: data.offsets?.slice(),
    count: data.count?.slice(),
  };
}

/** How the size of a row on disk, before compression, follows from its columns. */
export interface RowMeasure {
  /** Bytes that every row has. */
  readonly fixed: number;
  /** Columns with lists, and the bytes of one list entry. */
  readonly lists: readonly { readonly column: number; readonly entryBytes: number }[];
  /** Columns with text. */
  readonly texts: readonly number[];
}

/** The measure of a table's rows. */
export function measureRows(layout: Layout, options: TableOptions): RowMeasure {
  const lists: { column: number; entryBytes: number }[] = [];
  const texts: number[] = [];
  let fixed = 0;
  layout.columns.forEach((spec, column) => {
    const entryBytes = spec.leaves.reduce((sum, leaf) => sum + scalarBytes(leaf.type, options), 0);
    const entries = spec.shape === 'list' ? 0 : stride(spec, options);
    fixed += spec.shape === 'list' ? OFFSET_BYTES : entryBytes * entries;
    if (spec.shape === 'slots') fixed += entries / 8;
    if (spec.shape === 'list') lists.push({ column, entryBytes });
    if (spec.leaves[0]?.type === 'utf8') texts.push(column);
  });
  return { fixed, lists, texts };
}

/** Bytes of row `row` on disk before compression. */
export function rowBytes(data: readonly ColumnData[], row: number, measure: RowMeasure): number {
  let bytes = measure.fixed;
  for (const { column, entryBytes } of measure.lists) {
    const offsets = data[column]?.offsets as Uint32Array;
    bytes += ((offsets[row + 1] as number) - (offsets[row] as number)) * entryBytes;
  }
  for (const column of measure.texts) {
    bytes += Buffer.byteLength((data[column]?.leaves[0] as Utf8)[row] as string);
  }
  return bytes;
}

const OFFSET_BYTES = 4;
const SCALAR_BYTES = { u32: 4, u64: 8, f16: 2, f32: 4, f64: 8, bool: 1, utf8: 4 } as const;

function scalarBytes(type: ColumnSpec['leaves'][number]['type'], options: TableOptions): number {
  return type === 'dtype' ? (options.dtype === 'float32' ? 4 : 2) : SCALAR_BYTES[type];
}

function cut(leaf: LeafValues, from: number, to: number): LeafValues {
  return ArrayBuffer.isView(leaf) ? leaf.subarray(from, to) : leaf.slice(from, to);
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

function required(value: number | undefined, name: string, spec: ColumnSpec): number {
  if (value !== undefined && value > 0) return value;
  throw new DataError(
    `Expected the option "${name}" (a positive number) for column "${spec.name}", got ${String(value)}; give it with the table's options.`,
    { option: name, column: spec.name },
  );
}

/** The leaf of a column as one kind of array. @throws DataError where it is another kind */
function leafAs<V extends LeafValues>(
  kind: new (length: number) => V,
  data: readonly ColumnData[],
  at: readonly [column: number, leaf: number],
): V {
  const values = data[at[0]]?.leaves[at[1]];
  if (values instanceof kind) return values;
  throw new DataError(
    `Expected column ${at[0]} to hold a ${kind.name}, found ${values?.constructor.name ?? 'nothing'}; the file is of another table or format version.`,
  );
}

const u32 = (d: readonly ColumnData[], column: number, leaf = 0): Uint32Array => leafAs(Uint32Array, d, [column, leaf]);
const u16 = (d: readonly ColumnData[], column: number, leaf = 0): Uint16Array => leafAs(Uint16Array, d, [column, leaf]);
const u8 = (d: readonly ColumnData[], column: number): Uint8Array => leafAs(Uint8Array, d, [column, 0]);
const f32 = (d: readonly ColumnData[], column: number): Float32Array => leafAs(Float32Array, d, [column, 0]);
const f64 = (d: readonly ColumnData[], column: number, leaf = 0): Float64Array =>
  leafAs(Float64Array, d, [column, leaf]);
const text = (d: readonly ColumnData[], column: number): Utf8 => leafAs<string[]>(Array, d, [column, 0]);
const offsets = (d: readonly ColumnData[], column: number): Uint32Array => d[column]?.offsets ?? new Uint32Array(1);
const count = (d: readonly ColumnData[], column: number): Uint32Array => d[column]?.count ?? new Uint32Array(0);

function act(d: readonly ColumnData[], column: number): Uint16Array | Float32Array {
  return d[column]?.leaves[0] instanceof Float32Array ? f32(d, column) : u16(d, column);
}
