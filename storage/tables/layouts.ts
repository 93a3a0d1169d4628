// The layout of every table on disk (contract) and its columns in memory, in one table: a missing row does not compile.
// In memory: u64 = Float64Array of integers below 2^53, f16 = Uint16Array of bits, bool = Uint8Array of 0 and 1,
// null of a nullable number = NaN. Holds no code that reads or writes.
import { BATCH_ROWS, MAX_OBJECT_BYTES } from '../../schemas/stored.js';

export type Utf8 = readonly string[];

/** Lists of all rows end to end: row i owns values offsets[i] … offsets[i + 1] − 1; offsets[0] is 0. */
export interface FeatureLists {
  readonly offsets: Uint32Array;
  readonly feature: Uint32Array;
  readonly value: Uint16Array;
}

/** K slots per row, [rows · K]; the first count[i] slots of row i are used, the others are null. */
export interface ExampleSlots {
  readonly count: Uint32Array;
  readonly doc: Uint32Array;
  readonly pos: Uint32Array;
  readonly value: Uint16Array;
}

export interface TokenCounts {
  readonly offsets: Uint32Array;
  readonly token: Uint32Array;
  readonly n: Float64Array;
}

/** The columns of each table in memory. */
export interface TableColumns {
  /** Raw documents of one corpus shard, in the order of their numbers; internal. */
  source: { readonly id: Utf8; readonly text: Utf8; readonly meta: Utf8 };
  documents: {
    readonly doc: Uint32Array;
    readonly id: Utf8;
    readonly split: Utf8;
    readonly text: Utf8;
    readonly tokens: Uint32Array;
    readonly meta: Utf8;
  };
  /** The three lists of a row have one length, so they share `offsets`. */
  tokens: {
    readonly doc: Uint32Array;
    readonly offsets: Uint32Array;
    readonly ids: Uint32Array;
    readonly starts: Uint32Array;
    readonly ends: Uint32Array;
  };
  /** act [rows · width]: halves or floats, as the file's dtype says. */
  activations: {
    readonly doc: Uint32Array;
    readonly pos: Uint32Array;
    readonly act: Uint16Array | Float32Array;
  };
  acts: {
    readonly doc: Uint32Array;
    readonly pos: Uint32Array;
    readonly features: FeatureLists;
    readonly xSq: Float32Array;
    readonly errSq: Float32Array;
  };
  postings: {
    readonly feature: Uint32Array;
    readonly doc: Uint32Array;
    readonly pos: Uint32Array;
    readonly value: Uint16Array;
  };
  features: {
    readonly feature: Uint32Array;
    readonly n: Float64Array;
    readonly density: Float64Array;
    readonly max: Float32Array;
    readonly mean: Float32Array;
    readonly p50: Float32Array;
    readonly p90: Float32Array;
    readonly p99: Float32Array;
    readonly topTokens: TokenCounts;
    readonly silent: Uint8Array;
  };
  top: { readonly feature: Uint32Array; readonly examples: ExampleSlots };
  training: {
    readonly split: Utf8;
    readonly step: Float64Array;
    readonly tokens: Float64Array;
    readonly loss: Float64Array;
    readonly fvu: Float64Array;
    readonly l0: Float64Array;
    readonly deadFraction: Float64Array;
    readonly lr: Float64Array;
    readonly gradNorm: Float64Array;
  };
}
export type TableName = keyof TableColumns;

export type Scalar = 'u32' | 'u64' | 'f16' | 'f32' | 'f64' | 'bool' | 'utf8';

/** What the layout alone does not fix: the width and dtype of activations, the slots of `top`. */
export interface TableOptions {
  readonly width?: number | undefined;
  readonly dtype?: 'float16' | 'float32' | undefined;
  readonly k?: number | undefined;
}

export interface Leaf {
  /** Name of the struct's field; '' where the column has one plain value. */
  readonly name: string;
  readonly type: Scalar | 'dtype';
}

export interface ColumnSpec {
  readonly name: string;
  /** one: a value per row; list: any number; width: `options.width` values; slots: `options.k` structs, nullable. */
  readonly shape: 'one' | 'list' | 'width' | 'slots';
  readonly leaves: readonly Leaf[];
  /** Whether a row's value may be null (shape `one`, floating point only: NaN in memory). */
  readonly nullable: boolean;
  readonly unit: string;
}

export interface Layout {
  readonly columns: readonly ColumnSpec[];
  /** Leading sort column, whose least and greatest value every batch record states; null: the row's number in its file. */
  readonly sort: string | null;
  readonly batchRows: number;
  /** A batch is cut before its rows take more than this, uncompressed. */
  readonly batchBytes: number;
  readonly compressed: boolean;
}

const MIB = 2 ** 20;

const one = (name: string, type: Scalar, unit: string): ColumnSpec => ({
  name,
  shape: 'one',
  leaves: [{ name: '', type }],
  nullable: false,
  unit,
});
const maybe = (name: string, type: 'f32' | 'f64', unit: string): ColumnSpec => ({
  ...one(name, type, unit),
  nullable: true,
});
const list = (name: string, type: Scalar, unit: string): ColumnSpec => ({
  name,
  shape: 'list',
  leaves: [{ name: '', type }],
  nullable: false,
  unit,
});
const structs = (column: Omit<ColumnSpec, 'nullable'>): ColumnSpec => ({
  ...column,
  nullable: false,
});

/** Rows of varying size: bounds what a writer holds. */
const VARYING_BYTES = 16 * MIB;
/** One ranged read of `top` stays small whatever the number of slots. */
const TOP_BYTES = 256 * 1024;

const DOC = one('doc', 'u32', 'document number');
const POS = one('pos', 'u32', "index into the document's own tokens");
const FEATURE = one('feature', 'u32', 'feature number');
const RAW = 'raw activation units';

export const LAYOUTS: { readonly [T in TableName]: Layout } = {
  source: {
    columns: [one('id', 'utf8', ''), one('text', 'utf8', ''), one('meta', 'utf8', 'JSON')],
    sort: null,
    batchRows: BATCH_ROWS.other,
    batchBytes: VARYING_BYTES,
    compressed: true,
  },
  documents: {
    columns: [
      DOC,
      one('id', 'utf8', ''),
      one('split', 'utf8', 'fit, calib or test'),
      one('text', 'utf8', ''),
      one('tokens', 'u32', 'tokens of the text'),
      one('meta', 'utf8', 'JSON'),
    ],
    sort: 'doc',
    batchRows: BATCH_ROWS.other,
    batchBytes: VARYING_BYTES,
    compressed: true,
  },
  tokens: {
    columns: [
      DOC,
      list('ids', 'u32', 'token id'),
      list('starts', 'u32', 'Unicode code points from the start of the text'),
      list('ends', 'u32', 'Unicode code points from the start of the text'),
    ],
    sort: 'doc',
    batchRows: BATCH_ROWS.other,
    batchBytes: VARYING_BYTES,
    compressed: true,
  },
  activations: {
    columns: [
      DOC,
      POS,
      {
        name: 'act',
        shape: 'width',
        leaves: [{ name: '', type: 'dtype' }],
        nullable: false,
        unit: RAW,
      },
    ],
    sort: 'doc',
    batchRows: BATCH_ROWS.activations,
    batchBytes: MAX_OBJECT_BYTES - MIB,
    compressed: false,
  },
  acts: {
    columns: [
      DOC,
      POS,
      structs({
        name: 'features',
        shape: 'list',
        leaves: [
          { name: 'feature', type: 'u32' },
          { name: 'value', type: 'f16' },
        ],
        unit: RAW,
      }),
      one('x_sq', 'f32', `squared norm of the target, (${RAW})²`),
      one('err_sq', 'f32', `squared norm of the reconstruction error, (${RAW})²`),
    ],
    sort: 'doc',
    batchRows: BATCH_ROWS.other,
    batchBytes: VARYING_BYTES,
    compressed: true,
  },
  postings: {
    columns: [FEATURE, DOC, POS, one('value', 'f16', RAW)],
    sort: 'feature',
    batchRows: BATCH_ROWS.postings,
    batchBytes: VARYING_BYTES,
    compressed: true,
  },
  features: {
    columns: [
      FEATURE,
      one('n', 'u64', 'stored rows on which the feature fired'),
      one('density', 'f64', 'n / stored rows'),
      maybe('max', 'f32', RAW),
      maybe('mean', 'f32', `${RAW}, over firings`),
      maybe('p50', 'f32', `${RAW}, nearest rank over firings`),
      maybe('p90', 'f32', `${RAW}, nearest rank over firings`),
      maybe('p99', 'f32', `${RAW}, nearest rank over firings`),
      structs({
        name: 'top_tokens',
        shape: 'list',
        leaves: [
          { name: 'token', type: 'u32' },
          { name: 'n', type: 'u64' },
        ],
        unit: 'token id, firings on it',
      }),
      one('silent', 'bool', 'n = 0'),
    ],
    sort: 'feature',
    batchRows: BATCH_ROWS.other,
    batchBytes: VARYING_BYTES,
    compressed: true,
  },
  top: {
    columns: [
      FEATURE,
      structs({
        name: 'examples',
        shape: 'slots',
        leaves: [
          { name: 'doc', type: 'u32' },
          { name: 'pos', type: 'u32' },
          { name: 'value', type: 'f16' },
        ],
        unit: RAW,
      }),
    ],
    sort: 'feature',
    batchRows: BATCH_ROWS.top,
    batchBytes: TOP_BYTES,
    compressed: false,
  },
  training: {
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
    sort: 'step',
    batchRows: BATCH_ROWS.other,
    batchBytes: VARYING_BYTES,
    compressed: true,
  },
};

export const TABLE_NAMES = Object.keys(LAYOUTS) as readonly TableName[];

/** Whether a string names a table. */
export function isTableName(name: string): name is TableName {
  return Object.hasOwn(LAYOUTS, name);
}
