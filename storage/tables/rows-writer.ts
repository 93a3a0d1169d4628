// Cuts rows into batches and batches into files, at row counts that depend on the rows alone, and holds one batch in memory.
// Knows a table's row, not its name's type: `TableWriter` is the typed door.
import { MAX_OBJECT_BYTES } from '../../schemas/stored.js';
import { DataError } from '../../schemas/errors.js';
import { initArrow } from '../arrow/library.js';
import { tableSchema } from './arrow-types.js';
import type { TableForm } from './arrow-write.js';
import { copyColumn, countRows, joinColumn, sliceColumn, stride, type ColumnData } from './column-data.js';
import type { Columns, MembersOf, TableOptions } from './columns.js';
import type { Layout } from './layouts.js';
import { packColumns } from './pack.js';
import { measureRows, rowBytes, type RowMeasure } from './row-size.js';
import { OpenTableFile, type TableFile } from './table-file.js';

export interface RowsWriterOptions extends TableOptions {
  /** File to write; where one file does not hold all rows the next are PATH-1.arrow, PATH-2.arrow, … */
  readonly path: string;
  /** Name of the shard, stored in the file's metadata. */
  readonly shard: string;
  /** Schema metadata; never time, host, attempt or run name. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Room in an object for schema, footer and the metadata of a batch. */
const FILE_OVERHEAD_BYTES = 256 * 1024;
const BATCH_OVERHEAD_BYTES = 4096;

export class RowsWriter<C extends Columns = Columns> {
  readonly #options: RowsWriterOptions;
  readonly #layout: Layout<C>;
  readonly #form: TableForm;
  readonly #measure: RowMeasure;
  readonly #strides: readonly number[];
  readonly #done: TableFile[] = [];
  #file: OpenTableFile | null = null;
  /** Uncompressed size of what the open file holds, by which files are cut. */
  #fileBytes = 0;
  #pending: (readonly ColumnData[])[] = [];
  /** How many of the pending pieces are copies; the others are views of the caller's buffers. */
  #owned = 0;
  #pendingRows = 0;
  #pendingBytes = 0;

  private constructor(layout: Layout<C>, options: RowsWriterOptions) {
    this.#options = options;
    this.#layout = layout;
    const schema = tableSchema(layout, options, { ...options.metadata, shard: options.shard });
    this.#form = { layout, options, schema };
    this.#measure = measureRows(layout, options);
    this.#strides = layout.columns.map((spec) => stride(spec, options));
  }

  /** A writer whose first file is open. @throws DataError where `width`, `dtype` or `k` is missing */
  static async open<C extends Columns>(layout: Layout<C>, options: RowsWriterOptions): Promise<RowsWriter<C>> {
    await initArrow();
    const writer = new RowsWriter(layout, options);
    await writer.#openFile();
    return writer;
  }

  /**
   * Appends rows; full batches are on disk when it resolves, so the caller may reuse its buffers.
   * @throws DataError where columns differ in length or one row is larger than an object
   */
  async write(columns: MembersOf<C>): Promise<void> {
    const data = packColumns(this.#layout, columns);
    const rows = countRows(this.#layout, data, this.#options);
    let from = 0;
    while (from < rows) {
      const taken = this.#take(data, from, rows);
      from += taken.rows;
      if (taken.full) await this.#flush();
    }
    this.#pending = this.#pending.map((piece, i) => (i < this.#owned ? piece : piece.map(copyColumn)));
    this.#owned = this.#pending.length;
  }

  /** Ends the batch in hand, so that the next row begins another. */
  async endBatch(): Promise<void> {
    if (this.#pendingRows > 0) await this.#flush();
  }

  /** The finished files, in row order; one without rows where nothing was written. */
  async finish(): Promise<TableFile[]> {
    await this.endBatch();
    await this.#closeFile();
    return this.#done;
  }

  /** Closes the open file without finishing it; for a caller that gives up. */
  async abort(): Promise<void> {
    await this.#file?.abort();
    this.#file = null;
  }

  /** Moves rows from `data` to the batch in hand. `full`: it must be written before the next row. */
  #take(data: readonly ColumnData[], from: number, rows: number): { rows: number; full: boolean } {
    const room = Math.min(this.#layout.batchRows - this.#pendingRows, rows - from);
    const to = this.#fits(data, from, from + room);
    if (to > from) {
      this.#pending.push(data.map((column, c) => sliceColumn(column, [from, to], this.#strides[c] as number)));
      this.#pendingRows += to - from;
    }
    const full = this.#pendingRows === this.#layout.batchRows || to < from + room;
    return { rows: to - from, full };
  }

  /** The end of the rows that the batch in hand still has bytes for; at least one row where it is empty. */
  #fits(data: readonly ColumnData[], from: number, to: number): number {
    const { fixed, lists, texts } = this.#measure;
    const limit = this.#layout.batchBytes;
    if (lists.length + texts.length === 0) {
      const least = this.#pendingRows === 0 ? 1 : 0;
      const most = Math.max(least, Math.floor((limit - this.#pendingBytes) / fixed));
      const end = Math.min(to, from + most);
      this.#pendingBytes += (end - from) * fixed;
      return end;
    }
    for (let row = from; row < to; row++) {
      const bytes = rowBytes(data, row, this.#measure);
      const empty = this.#pendingRows === 0 && row === from;
      if (!empty && this.#pendingBytes + bytes > limit) return row;
      this.#pendingBytes += bytes;
    }
    return to;
  }

  async #flush(): Promise<void> {
    const columns = this.#layout.columns.map((_, c) =>
      joinColumn(this.#pending.map((piece) => piece[c] as ColumnData)),
    );
    const rawBytes = this.#pendingBytes + BATCH_OVERHEAD_BYTES;
    if (rawBytes > MAX_OBJECT_BYTES - FILE_OVERHEAD_BYTES / 2) throw this.#tooLarge(rawBytes);
    const file = await this.#fileFor(rawBytes);
    await file.writeBatch(columns, this.#pendingRows);
    this.#fileBytes += rawBytes;
    this.#pending = [];
    this.#owned = 0;
    this.#pendingRows = 0;
    this.#pendingBytes = 0;
  }

  /** The open file, or the next one where the batch would not fit. */
  async #fileFor(rawBytes: number): Promise<OpenTableFile> {
    const file = this.#file;
    if (file && (file.rows === 0 || this.#fileBytes + rawBytes <= MAX_OBJECT_BYTES - FILE_OVERHEAD_BYTES)) return file;
    await this.#closeFile();
    return this.#openFile();
  }

  async #openFile(): Promise<OpenTableFile> {
    const n = this.#done.length;
    const path = n === 0 ? this.#options.path : `${this.#options.path.replace(/\.arrow$/, '')}-${n}.arrow`;
    this.#fileBytes = 0;
    return (this.#file = await OpenTableFile.create(this.#form, path));
  }

  async #closeFile(): Promise<void> {
    if (this.#file) this.#done.push(await this.#file.finish());
    this.#file = null;
  }

  #tooLarge(bytes: number): DataError {
    const { name } = this.#layout;
    return new DataError(
      `Expected a row of table "${name}" below ${MAX_OBJECT_BYTES} bytes, got one of ${bytes} (shard ${this.#options.shard}); leave that document out or split it.`,
      { table: name, shard: this.#options.shard, bytes, limit: MAX_OBJECT_BYTES },
    );
  }
}
