// Writes a table, by its name, as Arrow files in a spool folder: the types of its columns and of its metadata are those of its
// row. Must not know the store: the caller puts the files there.
import { LAYOUTS, type Layout, type TableColumns, type TableMetadata, type TableName } from './layouts.js';
import { RowsWriter, type RowsWriterOptions } from './rows-writer.js';
import type { TableFile } from './table-file.js';

export interface TableWriterOptions<T extends TableName> extends Omit<RowsWriterOptions, 'metadata'> {
  readonly table: T;
  /** What the row says that a stored file states, and more where it applies; null: a file that is never stored. */
  readonly metadata: TableMetadata<T> | null;
}

export class TableWriter<T extends TableName> {
  readonly #rows: RowsWriter;

  private constructor(rows: RowsWriter) {
    this.#rows = rows;
  }

  /** A writer whose first file is open. @throws DataError where `width`, `dtype` or `k` is missing */
  static async open<T extends TableName>(options: TableWriterOptions<T>): Promise<TableWriter<T>> {
    const layout: Layout = LAYOUTS[options.table];
    return new TableWriter<T>(await RowsWriter.open(layout, { ...options, metadata: options.metadata ?? {} }));
  }

  /**
   * Appends rows; full batches are on disk when it resolves, so the caller may reuse its buffers.
   * @throws DataError where columns differ in length or one row is larger than an object
   */
  async write(columns: TableColumns[T]): Promise<void> {
    await this.#rows.write(columns);
  }

  /** Ends the record batch in hand, so that the next row begins another. */
  endBatch(): Promise<void> {
    return this.#rows.endBatch();
  }

  /** The finished files, in row order; one without rows where nothing was written. */
  finish(): Promise<TableFile[]> {
    return this.#rows.finish();
  }

  /** Closes the open file without finishing it; for a caller that gives up. */
  abort(): Promise<void> {
    return this.#rows.abort();
  }
}
