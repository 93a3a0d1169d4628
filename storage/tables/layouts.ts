// Every table (contract), one row each: its columns, the column that prunes, how it lies on disk, what its files state. The
// type of its columns, packing, reading, writing, pruning, `sql` and the check of docs/formats.md are derived from it.
import { MAX_OBJECT_BYTES } from '../../schemas/stored.js';
import {
  aligned,
  fixed,
  list,
  maybe,
  one,
  slots,
  type Columns,
  type MembersOf,
  type RowOf,
  type Sortable,
} from './columns.js';

/** A table's row without its name. */
export interface Row<C extends Columns = Columns, M extends string = string> {
  readonly columns: C;
  /** Column whose least and greatest value every batch record states; null: the row's number in its file. */
  readonly sort: string | null;
  /** Whether rows stand in another order than the sort column's. */
  readonly permuted: boolean;
  readonly batchRows: number;
  /** A batch is cut before its rows take more than this, uncompressed. */
  readonly batchBytes: number;
  readonly compressed: boolean;
  /** Schema metadata that every stored file states besides `table`, `formatVersion` and `shard`. */
  readonly metadata: readonly M[];
  /**
   * How `sql` finds it: `tokens`, with the run's tokens; `dictionary`, with a dictionary's encoded shards and index; `index`,
   * by the dataset of its name that was made of the dictionary's index; `alone`, by the dictionary's newest dataset of its name;
   * null: not at all.
   */
  readonly sql: 'tokens' | 'dictionary' | 'index' | 'alone' | null;
}

export interface Layout<C extends Columns = Columns, M extends string = string> extends Row<C, M> {
  readonly name: string;
}

/** A row; its sort column must be one of its numbers. */
export function table<const C extends Columns, const M extends string>(
  row: Row<C, M> & { readonly sort: Sortable<NoInfer<C>> | null },
): Row<C, M> {
  return row;
}

/** Rows that know their names. */
export function named<R extends Readonly<Record<string, Row>>>(
  rows: R,
): { readonly [T in keyof R]: R[T] & { readonly name: string } } {
  const entries = Object.entries(rows).map(([name, row]) => [name, { ...row, name }]);
  return Object.fromEntries(entries) as { readonly [T in keyof R]: R[T] & { readonly name: string } };
}

const KIB = 2 ** 10;
const MIB = 2 ** 20;
/** Rows of varying size: 16 MiB bound what a writer holds. */
const SORTED = { permuted: false, batchRows: 4096, batchBytes: 16 * MIB, compressed: true } as const;

const DOC = one('doc', 'u32', 'document number');
const POS = one('pos', 'u32', "index into the document's own tokens");
const FEATURE = one('feature', 'u32', 'feature number');
const RAW = 'raw activation units';
const OF_TOKENS = ['key', 'split', 'tokenizer'] as const;
const OF_SITE = ['key', 'model', 'site', 'units'] as const;
const OF_INDEX = [...OF_SITE, 'encode'] as const;
const OF_PROFILE = [...OF_SITE, 'index'] as const;

export const LAYOUTS = named({
  source: table({
    columns: [one('id', 'utf8', ''), one('text', 'utf8', ''), one('meta', 'utf8', 'JSON')],
    ...SORTED,
    sort: null,
    metadata: ['key', 'split'],
    sql: null,
  }),
  documents: table({
    columns: [
      DOC,
      one('id', 'utf8', ''),
      one('split', 'utf8', 'fit, calib or test'),
      one('text', 'utf8', ''),
      one('tokens', 'u32', 'tokens of the text'),
      one('meta', 'utf8', 'JSON'),
    ],
    ...SORTED,
    sort: 'doc',
    metadata: OF_TOKENS,
    sql: 'tokens',
  }),
  tokens: table({
    columns: [
      DOC,
      aligned('ids', 'u32', 'token id'),
      aligned('starts', 'u32', 'Unicode code points from the start of the text'),
      aligned('ends', 'u32', 'Unicode code points from the start of the text'),
    ],
    ...SORTED,
    sort: 'doc',
    metadata: OF_TOKENS,
    sql: 'tokens',
  }),
  activations: table({
    columns: [DOC, POS, fixed('act', { size: 'width', item: 'dtype' }, RAW)],
    sort: 'doc',
    permuted: true,
    batchRows: 4096,
    batchBytes: MAX_OBJECT_BYTES - MIB,
    compressed: false,
    metadata: OF_SITE,
    sql: null,
  }),
  routed: table({
    columns: [
      one('expert', 'u32', 'expert that the row belongs to; a record batch holds rows of one'),
      DOC,
      POS,
      fixed('act', { size: 'width', item: 'dtype' }, RAW),
    ],
    sort: 'expert',
    permuted: false,
    batchRows: 4096,
    batchBytes: MAX_OBJECT_BYTES - MIB,
    compressed: false,
    metadata: [...OF_SITE, 'routes'],
    sql: null,
  }),
  acts: table({
    columns: [
      DOC,
      POS,
      list('features', { feature: 'u32', value: 'f16' }, RAW),
      one('x_sq', 'f32', `squared norm of the target, (${RAW})²`),
      one('err_sq', 'f32', `squared norm of the reconstruction error, (${RAW})²`),
    ],
    ...SORTED,
    sort: 'doc',
    metadata: [...OF_SITE, 'dictionary', 'activations'],
    sql: 'dictionary',
  }),
  postings: table({
    columns: [FEATURE, DOC, POS, one('value', 'f16', RAW)],
    ...SORTED,
    sort: 'feature',
    batchRows: 16384,
    metadata: OF_SITE,
    sql: 'dictionary',
  }),
  features: table({
    columns: [
      FEATURE,
      one('n', 'u64', 'stored rows on which the feature fired'),
      one('density', 'f64', 'n / stored rows'),
      maybe('max', 'f32', RAW),
      maybe('mean', 'f32', `${RAW}, over firings`),
      maybe('p50', 'f32', `${RAW}, nearest rank over firings`),
      maybe('p90', 'f32', `${RAW}, nearest rank over firings`),
      maybe('p99', 'f32', `${RAW}, nearest rank over firings`),
      list('top_tokens', { token: 'u32', n: 'u64' }, 'token id, firings on it'),
      one('silent', 'bool', 'n = 0'),
    ],
    ...SORTED,
    sort: 'feature',
    metadata: OF_INDEX,
    sql: 'dictionary',
  }),
  top: table({
    columns: [FEATURE, slots('examples', { size: 'k', item: { doc: 'u32', pos: 'u32', value: 'f16' } }, RAW)],
    sort: 'feature',
    permuted: false,
    batchRows: 256,
    // One ranged read stays small whatever the number of slots.
    batchBytes: 256 * KIB,
    compressed: false,
    metadata: OF_INDEX,
    sql: 'dictionary',
  }),
  bands: table({
    columns: [
      FEATURE,
      list('histogram', { n: 'u64' }, 'firings in each of ten bands of equal width from 0 to the greatest value'),
      list('examples', { band: 'u32', doc: 'u32', pos: 'u32', value: 'f16' }, `four of each band; ${RAW}`),
      list('quiet', { doc: 'u32', pos: 'u32' }, 'rows on which it does not fire'),
    ],
    ...SORTED,
    sort: 'feature',
    metadata: OF_PROFILE,
    sql: 'index',
  }),
  promoted: table({
    columns: [
      FEATURE,
      list('raised', { token: 'u32', value: 'f32' }, 'token id, logits per unit of activation at a final scale of 1'),
      list('lowered', { token: 'u32', value: 'f32' }, 'token id, logits per unit of activation at a final scale of 1'),
      maybe('token_share', 'f64', 'share of its activation mass on test rows that token identity explains'),
    ],
    ...SORTED,
    sort: 'feature',
    metadata: OF_PROFILE,
    sql: 'index',
  }),
  neighbours: table({
    columns: [
      FEATURE,
      list('cosine', { feature: 'u32', value: 'f32' }, 'cosine of the decoder rows'),
      list('together', { feature: 'u32', value: 'f32', n: 'u64' }, 'phi of firing, rows on which both fire'),
    ],
    ...SORTED,
    sort: 'feature',
    metadata: OF_PROFILE,
    sql: 'index',
  }),
  labels: table({
    columns: [
      FEATURE,
      one('label', 'utf8', 'what it seems to stand for; empty where no rule was found'),
      one('source', 'utf8', 'auto or user'),
      maybe('score', 'f64', 'balanced accuracy of the label as a rule, on examples that it was not made from'),
      one('n', 'u32', 'examples that it was scored on'),
    ],
    ...SORTED,
    sort: 'feature',
    metadata: OF_PROFILE,
    sql: 'index',
  }),
  training: table({
    columns: [
      one('split', 'utf8', 'fit or calib'),
      one('step', 'u64', 'training steps'),
      one('tokens', 'u64', 'rows consumed'),
      maybe('loss', 'f64', ''),
      maybe('fvu', 'f64', 'fraction of variance unexplained'),
      maybe('l0', 'f64', 'features firing per row'),
      maybe('dead_fraction', 'f64', ''),
      maybe('lr', 'f64', 'learning rate'),
      maybe('grad_norm', 'f64', ''),
    ],
    ...SORTED,
    sort: 'step',
    metadata: ['key', 'units'],
    sql: 'alone',
  }),
  evaluation: table({
    columns: [
      one('subject', 'utf8', 'the dictionary, or what it is compared with'),
      one('metric', 'utf8', ''),
      maybe('value', 'f64', ''),
      maybe('lo', 'f64', '2.5 % point over resampled documents'),
      maybe('hi', 'f64', '97.5 % point'),
      one('n', 'u64', 'what the value is a mean or a count over'),
      one('split', 'utf8', ''),
      one('rows', 'u64', ''),
      one('documents', 'u64', ''),
    ],
    ...SORTED,
    sort: null,
    metadata: ['key', 'dictionary', 'model', 'site', 'resamples', 'seed'],
    sql: 'alone',
  }),
});

type Layouts = typeof LAYOUTS;
export type TableName = keyof Layouts;

/** The columns of each table in memory. */
export type TableColumns = { readonly [T in TableName]: MembersOf<Layouts[T]['columns']> };

/** One row of a table of plain columns; what may be null may be left out. */
export type TableRow<T extends TableName> = RowOf<Layouts[T]['columns']>;

/** What a stored file of a table states in its metadata. */
export type TableMetadata<T extends TableName> = Readonly<Record<string, string>> & {
  readonly [M in Layouts[T]['metadata'][number]]: string;
};

/** Any column of any table, by its name on disk. */
export type ColumnName = Layouts[TableName]['columns'][number]['name'];

export const TABLE_NAMES = Object.keys(LAYOUTS) as readonly TableName[];

/** Whether a string names a table. */
export function isTableName(name: string): name is TableName {
  return Object.hasOwn(LAYOUTS, name);
}

/** The tables that `sql` finds in one way. */
export function sqlTables(sql: Row['sql']): TableName[] {
  return TABLE_NAMES.filter((name) => LAYOUTS[name].sql === sql);
}
