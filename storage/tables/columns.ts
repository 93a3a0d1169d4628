// The words in which a table says its columns, and the types that follow from them: a column's name on disk, its shape, what
// it is made of; from these its members in memory. Holds no code that reads or writes.
import type { HeldAs, Scalar } from './scalars.js';

/** Scalars, or `dtype`: f16 or f32, as the table's options say. */
export type LeafType = Scalar | 'dtype';
/** A struct, its fields in order. */
export type Fields = Readonly<Record<string, Scalar>>;
export type Item = LeafType | Fields;

/** What the row alone does not fix: the width and dtype of vectors, the slots of a row. */
export interface TableOptions {
  readonly width?: number | undefined;
  readonly dtype?: 'float16' | 'float32' | undefined;
  readonly k?: number | undefined;
}
export type SizeOption = 'width' | 'k';

export interface Leaf {
  /** Name of the struct's field; '' where the column has one plain value. */
  readonly name: string;
  readonly type: LeafType;
}

/**
 * one: a value per row; list: any number; lists: any number of lists; fixed: as many values as the option `size` says;
 * slots: as many structs as `size` says, the last of which may be null.
 */
export type Shape = 'one' | 'list' | 'lists' | 'fixed' | 'slots';

export interface ColumnSpec<
  N extends string = string,
  S extends Shape = Shape,
  I extends Item = Item,
  Null extends boolean = boolean,
  Share extends string | null = string | null,
> {
  readonly name: N;
  readonly shape: S;
  readonly item: I;
  /** `item`, one entry per array that holds it. */
  readonly leaves: readonly Leaf[];
  /** Whether a row's value may be null (shape `one`, f32 and f64: NaN in memory). */
  readonly nullable: Null;
  /** Of `fixed` and `slots`: the option that says how many. */
  readonly size: SizeOption | null;
  /** Of a plain `list`: the member of the table that holds its offsets, together with those of other lists. */
  readonly sharing: Share;
  readonly unit: string;
}

/** The members that hold the offsets of a column's lists, outermost first. */
export const LEVELS: { readonly [S in Shape]: readonly ('offsets' | 'inner')[] } = {
  one: [],
  list: ['offsets'],
  lists: ['offsets', 'inner'],
  fixed: [],
  slots: [],
};

/** A value per row: a scalar or a struct. */
export function one<const N extends string, const I extends Scalar | Fields>(
  name: N,
  item: I,
  unit: string,
): ColumnSpec<N, 'one', I, false, null> {
  return { ...made(name, item, unit), shape: 'one', nullable: false };
}

/** A number per row that may be null. */
export function maybe<const N extends string, const I extends 'f32' | 'f64'>(
  name: N,
  item: I,
  unit: string,
): ColumnSpec<N, 'one', I, true, null> {
  return { ...made(name, item, unit), shape: 'one', nullable: true };
}

/** Any number of scalars or structs per row. */
export function list<const N extends string, const I extends Scalar | Fields>(
  name: N,
  item: I,
  unit: string,
): ColumnSpec<N, 'list', I, false, null> {
  return { ...made(name, item, unit), shape: 'list', nullable: false };
}

/** Any number of lists of scalars or structs per row. */
export function lists<const N extends string, const I extends Scalar | Fields>(
  name: N,
  item: I,
  unit: string,
): ColumnSpec<N, 'lists', I, false, null> {
  return { ...made(name, item, unit), shape: 'lists', nullable: false };
}

/** Lists that have one length in each row, and so share the table's member `offsets`. */
export function aligned<const N extends string, const I extends Scalar>(
  name: N,
  item: I,
  unit: string,
): ColumnSpec<N, 'list', I, false, 'offsets'> {
  return { ...made(name, item, unit), shape: 'list', nullable: false, sharing: 'offsets' };
}

/** As many values per row as the option `size` says. */
export function fixed<const N extends string, const I extends Item>(
  name: N,
  of: { readonly size: SizeOption; readonly item: I },
  unit: string,
): ColumnSpec<N, 'fixed', I, false, null> {
  return { ...made(name, of.item, unit), shape: 'fixed', nullable: false, size: of.size };
}

/** As many structs per row as the option `size` says, of which the last may be null. */
export function slots<const N extends string, const I extends Fields>(
  name: N,
  of: { readonly size: SizeOption; readonly item: I },
  unit: string,
): ColumnSpec<N, 'slots', I, false, null> {
  return { ...made(name, of.item, unit), shape: 'slots', nullable: false, size: of.size };
}

function made<N extends string, I extends Item>(
  name: N,
  item: I,
  unit: string,
): Omit<ColumnSpec<N, Shape, I, boolean, null>, 'shape' | 'nullable'> {
  return { name, item, leaves: leavesOf(item), size: null, sharing: null, unit };
}

function leavesOf(item: Item): Leaf[] {
  if (typeof item === 'string') return [{ name: '', type: item }];
  return Object.entries(item).map(([name, type]) => ({ name, type }));
}

/** A name on disk as the name of a member in memory: `x_sq` is `xSq`. */
export function memberName(name: string): string {
  return name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The member of a nested column that holds a leaf: `values` where it is no struct. */
export function leafMember({ name }: Leaf): string {
  return name === '' ? 'values' : memberName(name);
}

/** Whether a column is made of scalars and no struct. */
export function isPlain(spec: ColumnSpec): boolean {
  return typeof spec.item === 'string';
}

/** The scalar type of a leaf once the options are known. */
export function leafType(leaf: Leaf, options: TableOptions): Scalar {
  if (leaf.type !== 'dtype') return leaf.type;
  return options.dtype === 'float32' ? 'f32' : 'f16';
}

// ---- The types that follow.

type Camel<N extends string> = N extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : N;
type Flat<T> = { readonly [K in keyof T]: T[K] };

type Values<I extends LeafType> = I extends Scalar ? HeldAs[I] : Uint16Array | Float32Array;
type FieldMembers<F extends Fields> = { readonly [N in keyof F & string as Camel<N>]: HeldAs[F[N]] };
/** Scalars as one array, structs as one array per field. */
type Bare<I extends Item> = I extends LeafType ? Values<I> : I extends Fields ? Flat<FieldMembers<I>> : never;
/** The same beside offsets or counts. */
type Beside<I extends Item> = I extends LeafType
  ? { readonly values: Values<I> }
  : I extends Fields
    ? FieldMembers<I>
    : never;

/**
 * The rows of a column in memory, end to end. Of lists, row i owns values offsets[i] … offsets[i + 1] − 1, and offsets[0] is 0;
 * of lists of lists these are lists, and list j owns values inner[j] … inner[j + 1] − 1. Of slots, the first count[i] of row
 * i are used, and the others are null.
 */
type Held<C extends ColumnSpec> = C extends { readonly sharing: string }
  ? Bare<C['item']>
  : C['shape'] extends 'one' | 'fixed'
    ? Bare<C['item']>
    : C['shape'] extends 'list'
      ? Flat<{ readonly offsets: Uint32Array } & Beside<C['item']>>
      : C['shape'] extends 'lists'
        ? Flat<{ readonly offsets: Uint32Array; readonly inner: Uint32Array } & Beside<C['item']>>
        : Flat<{ readonly count: Uint32Array } & Beside<C['item']>>;

export type Columns = readonly ColumnSpec[];

/** A table's columns in memory; of a table that only the program's run knows, members by name. */
export type MembersOf<C extends Columns> = string extends C[number]['name']
  ? Readonly<Record<string, unknown>>
  : Flat<
      { readonly [S in C[number] as Camel<S['name']>]: Held<S> } & {
        readonly [S in C[number] as S extends { readonly sharing: infer M extends string } ? M : never]: Uint32Array;
      }
    >;

type ValueOf<C extends ColumnSpec> = C['item'] extends 'utf8' ? string : C['item'] extends 'bool' ? boolean : number;
type Certain<C extends ColumnSpec> = C extends { readonly nullable: true } ? never : C;
type Nullable<C extends ColumnSpec> = C extends { readonly nullable: true } ? C : never;

/** One row of a table of plain columns as an object; what may be null may be left out. */
export type RowOf<C extends Columns> = string extends C[number]['name']
  ? Readonly<Record<string, unknown>>
  : Flat<
      { readonly [S in Certain<C[number]> as Camel<S['name']>]: ValueOf<S> } & {
        readonly [S in Nullable<C[number]> as Camel<S['name']>]?: number | null | undefined;
      }
    >;

/** Names of the columns by whose least and greatest value batches can be pruned. */
export type Sortable<C extends Columns> = Extract<
  C[number],
  { readonly shape: 'one'; readonly item: 'u32' | 'u64' | 'i32' | 'i64' | 'f32' | 'f64' }
>['name'];
