// How many bytes a row takes on disk before compression: batches are cut by it, so it depends on rows alone. Reads no store.
import { leafType, type Leaf, type TableOptions } from './columns.js';
import { stride, type ColumnData } from './column-data.js';
import type { Layout } from './layouts.js';
import { SCALARS, type Utf8 } from './scalars.js';

const OFFSET_BYTES = 4;

/** How the size of a row follows from its columns. */
export interface RowMeasure {
  /** Bytes that every row has. */
  readonly fixed: number;
  /** Columns with lists: bytes of an entry of each level. */
  readonly lists: readonly ListMeasure[];
  /** Text leaves. */
  readonly texts: readonly TextMeasure[];
}

interface ListMeasure {
  readonly column: number;
  readonly entryBytes: number;
  /** Bytes of an entry of the inner lists; 0 where the entries are values. */
  readonly innerBytes: number;
}

interface TextMeasure {
  readonly column: number;
  readonly leaf: number;
  /** Values per row where there are no lists. */
  readonly width: number;
}

/** The measure of a table's rows. @throws DataError where the options lack a size that a column needs */
export function measureRows(layout: Layout, options: TableOptions): RowMeasure {
  const lists: ListMeasure[] = [];
  const texts: TextMeasure[] = [];
  let fixed = 0;
  layout.columns.forEach((spec, column) => {
    const itemBytes = spec.leaves.reduce((sum, leaf) => sum + leafBytes(leaf, options), 0);
    const width = stride(spec, options);
    if (spec.shape === 'list' || spec.shape === 'lists') {
      const nested = spec.shape === 'lists';
      fixed += OFFSET_BYTES;
      lists.push({ column, entryBytes: nested ? OFFSET_BYTES : itemBytes, innerBytes: nested ? itemBytes : 0 });
    } else fixed += itemBytes * width;
    if (spec.shape === 'slots') fixed += width / 8;
    spec.leaves.forEach(({ type }, leaf) => {
      if (type === 'utf8') texts.push({ column, leaf, width });
    });
  });
  return { fixed, lists, texts };
}

/** Bytes of row `row` on disk before compression. */
export function rowBytes(data: readonly ColumnData[], row: number, measure: RowMeasure): number {
  let bytes = measure.fixed;
  for (const { column, entryBytes, innerBytes } of measure.lists) {
    const { levels } = data[column] as ColumnData;
    const offsets = levels[0] as Uint32Array;
    const from = offsets[row] as number;
    const to = offsets[row + 1] as number;
    bytes += (to - from) * entryBytes;
    if (innerBytes > 0) bytes += ((levels[1]?.[to] as number) - (levels[1]?.[from] as number)) * innerBytes;
  }
  for (const text of measure.texts) bytes += textBytes(data[text.column] as ColumnData, row, text);
  return bytes;
}

function textBytes({ leaves, levels }: ColumnData, row: number, { leaf, width }: TextMeasure): number {
  const strings = leaves[leaf] as Utf8;
  let from = row * width;
  let to = from + width;
  for (const level of levels) [from, to] = [level[from] as number, level[to] as number];
  let bytes = 0;
  for (let i = from; i < to; i++) bytes += Buffer.byteLength(strings[i] as string);
  return bytes;
}

function leafBytes(leaf: Leaf, options: TableOptions): number {
  return SCALARS[leafType(leaf, options)].bytes;
}
