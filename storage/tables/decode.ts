// Decodes single record batches by the table's row. Reads their messages itself, because loading apache-arrow takes longer than
// most queries do; tests hold the columns against that library's.
import { DataError } from '../../schemas/errors.js';
import { isMachineFault } from '../../schemas/system-errors.js';
import { readBatchMessage, type BatchMessage } from '../arrow/messages.js';
import { initZstd } from '../arrow/zstd.js';
import { columnFromArrow, type ArrowArray } from './arrow-read.js';
import {
  LEVELS,
  isPlain,
  leafType,
  type Columns,
  type ColumnSpec,
  type Leaf,
  type MembersOf,
  type TableOptions,
} from './columns.js';
import { LAYOUTS, type Layout, type TableColumns, type TableName } from './layouts.js';
import { unpackColumns } from './pack.js';
import type { Scalar } from './scalars.js';

/**
 * The columns of one record batch from its byte range (as its batch record states it).
 * @param options as the table was written: dtype (activations)
 * @throws DataError where the bytes are not a batch of this table
 */
export async function decodeBatch<T extends TableName>(
  table: T,
  options: TableOptions,
  bytes: Uint8Array,
): Promise<TableColumns[T]> {
  const layout: Layout = LAYOUTS[table];
  return (await decodeRows(layout, options, bytes)) as TableColumns[T];
}

/** `decodeBatch` of any row of a table. */
export async function decodeRows<C extends Columns>(
  layout: Layout<C>,
  options: TableOptions,
  bytes: Uint8Array,
): Promise<MembersOf<C>> {
  await initZstd();
  try {
    const message = readBatchMessage(aligned(bytes));
    if (message.rows === 0) throw new DataError('it has no rows');
    const arrays = new ArrayReader(message, options);
    const data = layout.columns.map((spec) => columnFromArrow(spec, arrays.read(spec, message.rows)));
    arrays.assertAllRead();
    return unpackColumns(layout, data);
  } catch (error) {
    throw isMachineFault(error) ? error : notABatch(layout, bytes, error);
  }
}

/** What holds a scalar's values on disk; bits and text are bytes. */
const STORED_IN: {
  readonly [S in Scalar]: new (buffer: ArrayBufferLike, at: number, length: number) => ArrayBufferView;
} = {
  u32: Uint32Array,
  u64: BigUint64Array,
  i32: Int32Array,
  i64: BigInt64Array,
  f16: Uint16Array,
  f32: Float32Array,
  f64: Float64Array,
  bool: Uint8Array,
  utf8: Uint8Array,
};

type Head = Pick<ArrowArray, 'length' | 'nullCount' | 'nullBitmap'>;

/** Takes the arrays of a record batch in the order in which it lists them: parents before children. */
class ArrayReader {
  readonly #message: BatchMessage;
  readonly #options: TableOptions;
  #node = 0;
  #buffer = 0;

  constructor(message: BatchMessage, options: TableOptions) {
    this.#message = message;
    this.#options = options;
  }

  /** The array of a column of so many rows. */
  read(spec: ColumnSpec, rows: number): ArrowArray {
    const array = this.#level(spec, 0);
    if (array.length === rows) return array;
    throw new DataError(`column "${spec.name}" has ${array.length} rows of ${rows}`);
  }

  assertAllRead(): void {
    const { nodes, buffers } = this.#message;
    if (this.#node !== nodes.length || this.#buffer !== buffers)
      throw new DataError(`it has ${nodes.length} arrays in ${buffers} buffers`);
  }

  /** The lists of a column from level `level` on, or what they are made of. */
  #level(spec: ColumnSpec, level: number): ArrowArray {
    if (level < LEVELS[spec.shape].length) {
      const head = this.#head();
      const valueOffsets = this.#offsets(head.length);
      return { ...head, valueOffsets, values: undefined, children: [this.#level(spec, level + 1)] };
    }
    if (spec.size === null) return this.#items(spec);
    return { ...this.#head(), ...NO_VALUES, children: [this.#items(spec)] };
  }

  #items(spec: ColumnSpec): ArrowArray {
    if (isPlain(spec)) return this.#leaf(spec.leaves[0] as Leaf);
    const head = this.#head();
    return { ...head, ...NO_VALUES, children: spec.leaves.map((leaf) => this.#leaf(leaf)) };
  }

  #leaf(leaf: Leaf): ArrowArray {
    const scalar = leafType(leaf, this.#options);
    const head = this.#head();
    const valueOffsets = scalar === 'utf8' ? this.#offsets(head.length) : undefined;
    const count = valueOffsets?.[head.length] ?? (scalar === 'bool' ? Math.ceil(head.length / 8) : head.length);
    return { ...head, valueOffsets, values: this.#values(scalar, count), children: [] };
  }

  #head(): Head {
    const [length, nullCount] = this.#message.nodes[this.#node++] ?? [NaN, 0];
    if (!(length >= 0)) throw new DataError(`it has ${this.#message.nodes.length} arrays`);
    const nullBitmap = this.#next();
    if (nullCount !== 0 && nullBitmap.length * 8 < length) throw new DataError('an array lacks its nulls');
    return { length, nullCount, nullBitmap };
  }

  #offsets(length: number): Int32Array {
    const offsets = this.#values('i32', length === 0 ? 0 : length + 1) as Int32Array;
    if (offsets.some((offset, i) => offset < (i === 0 ? 0 : (offsets[i - 1] as number))))
      throw new DataError('offsets of lists descend');
    return offsets;
  }

  #values(scalar: Scalar, count: number): ArrayBufferView {
    const bytes = this.#next();
    const Kind = STORED_IN[scalar] as (typeof STORED_IN)[Scalar] & { readonly BYTES_PER_ELEMENT: number };
    if (bytes.length >= count * Kind.BYTES_PER_ELEMENT) return new Kind(bytes.buffer, bytes.byteOffset, count);
    throw new DataError(`a buffer has ${bytes.length} bytes for ${count} values`);
  }

  #next(): Uint8Array {
    if (this.#buffer >= this.#message.buffers) throw new DataError(`it has ${this.#message.buffers} buffers`);
    return this.#message.buffer(this.#buffer++);
  }
}

const NO_VALUES = { valueOffsets: undefined, values: undefined } as const;

/** Arrow needs its buffers at multiples of 8 bytes; a range cut out of a larger buffer may start anywhere. */
export function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 8 === 0
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
    : new Uint8Array(bytes);
}

function notABatch({ name }: Layout, bytes: Uint8Array, error: unknown): DataError {
  return new DataError(
    `Expected one record batch of table "${name}" in ${bytes.length} bytes, found none (${messageOf(error)}); run \`assay verify\` to find damaged objects.`,
    { table: name, bytes: bytes.length },
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'no batch';
}
