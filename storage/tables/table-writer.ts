// Writes a table as Arrow files in a spool folder: cuts batches and files at row counts that depend on the rows alone,
// hashes while writing, and holds one batch in memory. Must not know the store: the caller puts the files there.
import { createHash, type Hash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { Schema } from 'apache-arrow';
import { MAX_OBJECT_BYTES } from '../../schemas/stored.js';
import { DataError } from '../../schemas/errors.js';
import type { BatchRecord } from '../../schemas/records.js';
import { ArrowFileEncoder } from '../arrow/file-writer.js';
import { initZstd } from '../arrow/zstd.js';
import { tableSchema, toRecordBatch } from './arrow-columns.js';
import {
  copyColumn,
  countRows,
  measureRows,
  joinColumn,
  packColumns,
  rowBytes,
  stride,
  sliceColumn,
  type ColumnData,
  type RowMeasure,
} from './column-data.js';
import {
  LAYOUTS,
  type ColumnSpec,
  type Layout,
  type TableColumns,
  type TableName,
  type TableOptions,
} from './layouts.js';

export interface TableWriterOptions<T extends TableName> extends TableOptions {
  readonly table: T;
  /** File to write; where one file does not hold all rows the next are PATH-1.arrow, PATH-2.arrow, … */
  readonly path: string;
  /** Name of the shard, stored in the file's metadata. */
  readonly shard: string;
  /** Schema metadata: `key`, `model`, `site`, … ; never time, host, attempt or run name. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A finished file of a table; fits the stages' SpoolFile. */
export interface TableFile {
  readonly table: string;
  readonly path: string;
  readonly extension: 'arrow';
  readonly sha256: string;
  readonly bytes: number;
  readonly rows: number;
  readonly batches: readonly BatchRecord[];
}

/** Room in an object for schema, footer and the metadata of a batch. */
const FILE_OVERHEAD_BYTES = 256 * 1024;
const BATCH_OVERHEAD_BYTES = 4096;

interface OpenFile {
  readonly path: string;
  readonly handle: FileHandle;
  readonly encoder: ArrowFileEncoder;
  readonly hash: Hash;
  readonly batches: BatchRecord[];
  bytes: number;
  rows: number;
  /** Uncompressed size of what it holds, by which files are cut. */
  rawBytes: number;
}

export class TableWriter<T extends TableName> {
  readonly #options: TableWriterOptions<T>;
  readonly #layout: Layout;
  readonly #schema: Schema;
  readonly #measure: RowMeasure;
  readonly #done: TableFile[] = [];
  #file: OpenFile | null = null;
  #pending: (readonly ColumnData[])[] = [];
  /** How many of the pending pieces are copies; the others are views of the caller's buffers. */
  #owned = 0;
  #pendingRows = 0;
  #pendingBytes = 0;

  private constructor(options: TableWriterOptions<T>) {
    this.#options = options;
    this.#layout = LAYOUTS[options.table];
    this.#schema = tableSchema(options.table, options, {
      ...options.metadata,
      shard: options.shard,
    });
    this.#measure = measureRows(this.#layout, options);
  }

  /** A writer whose first file is open. @throws DataError where `width`, `dtype` or `k` is missing */
  static async open<T extends TableName>(options: TableWriterOptions<T>): Promise<TableWriter<T>> {
    await initZstd();
    const writer = new TableWriter(options);
    writer.#file = await writer.#openFile();
    return writer;
  }

  /**
   * Appends rows; full batches are on disk when it resolves, so the caller may reuse its buffers.
   * @throws DataError where columns differ in length or one row is larger than an object
   */
  async write(columns: TableColumns[T]): Promise<void> {
    const data = packColumns(this.#options.table, columns);
    const rows = countRows(this.#options.table, data, this.#options);
    let from = 0;
    while (from < rows) {
      const taken = this.#take(data, from, rows);
      from += taken.rows;
      if (taken.full) await this.#flush();
    }
    this.#pending = this.#pending.map((piece, i) => (i < this.#owned ? piece : piece.map(copyColumn)));
    this.#owned = this.#pending.length;
  }

  /** The finished files, in row order; one without rows where nothing was written. */
  async finish(): Promise<TableFile[]> {
    if (this.#pendingRows > 0) await this.#flush();
    await this.#closeFile();
    return this.#done;
  }

  /** Closes the open file without finishing it; for a caller that gives up. */
  async abort(): Promise<void> {
    await this.#file?.handle.close();
    this.#file = null;
  }

  /** Moves rows from `data` to the batch in hand. `full`: it must be written before the next row. */
  #take(data: readonly ColumnData[], from: number, rows: number): { rows: number; full: boolean } {
    const room = Math.min(this.#layout.batchRows - this.#pendingRows, rows - from);
    const to = this.#fits(data, from, from + room);
    if (to > from) {
      const piece = this.#layout.columns.map((spec, c) =>
        sliceColumn(data[c] as ColumnData, [from, to], stride(spec, this.#options)),
      );
      this.#pending.push(piece);
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
    const rows = this.#pendingRows;
    const rawBytes = this.#pendingBytes + BATCH_OVERHEAD_BYTES;
    if (rawBytes > MAX_OBJECT_BYTES - FILE_OVERHEAD_BYTES / 2) throw this.#tooLarge(rawBytes);
    const file = await this.#fileFor(rawBytes);
    const range = file.encoder.writeBatch(toRecordBatch(this.#schema, columns, rows));
    const chunks = file.encoder.takeChunks();
    const batchBytes = lastBytes(chunks, range.length);
    let crc = 0;
    for (const chunk of batchBytes) crc = crc32(chunk, crc);
    const { min, max } = sortRange(this.#layout, columns, [file.rows, rows]);
    file.batches.push({ ...range, rows, min, max, crc32: crc });
    await append(file, chunks);
    file.rows += rows;
    file.rawBytes += rawBytes;
    this.#pending = [];
    this.#owned = 0;
    this.#pendingRows = 0;
    this.#pendingBytes = 0;
  }

  /** The open file, or the next one where the batch would not fit. */
  async #fileFor(rawBytes: number): Promise<OpenFile> {
    const current = this.#file;
    if (current && (current.rows === 0 || current.rawBytes + rawBytes <= MAX_OBJECT_BYTES - FILE_OVERHEAD_BYTES))
      return current;
    await this.#closeFile();
    const next = await this.#openFile();
    this.#file = next;
    return next;
  }

  async #openFile(): Promise<OpenFile> {
    const n = this.#done.length;
    const path = n === 0 ? this.#options.path : `${this.#options.path.replace(/\.arrow$/, '')}-${n}.arrow`;
    const handle = await open(path, 'w');
    const encoder = new ArrowFileEncoder(this.#schema, this.#layout.compressed);
    const file: OpenFile = {
      path,
      handle,
      encoder,
      hash: createHash('sha256'),
      batches: [],
      bytes: 0,
      rows: 0,
      rawBytes: 0,
    };
    await append(file, encoder.takeChunks());
    return file;
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    if (!file) return;
    await append(file, file.encoder.finish());
    await file.handle.close();
    this.#file = null;
    const { path, bytes, rows, batches } = file;
    this.#done.push({
      table: this.#options.table,
      path,
      extension: 'arrow',
      sha256: file.hash.digest('hex'),
      bytes,
      rows,
      batches,
    });
  }

  #tooLarge(bytes: number): DataError {
    return new DataError(
      `Expected a row of table "${this.#options.table}" below ${MAX_OBJECT_BYTES} bytes, got one of ${bytes} (shard ${this.#options.shard}); leave that document out or split it.`,
      { table: this.#options.table, shard: this.#options.shard, bytes, limit: MAX_OBJECT_BYTES },
    );
  }
}

async function append(file: OpenFile, chunks: readonly Uint8Array[]): Promise<void> {
  for (const chunk of chunks) file.hash.update(chunk);
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  if (length > 0) await writeAll(file.handle, chunks, length);
  file.bytes += length;
}

/** writev may write less than asked (a nearly full disk, a signal): then the rest goes chunk by chunk. */
async function writeAll(handle: FileHandle, chunks: readonly Uint8Array[], length: number): Promise<void> {
  const { bytesWritten } = await handle.writev([...chunks]);
  if (bytesWritten === length) return;
  let skip = bytesWritten;
  for (const chunk of chunks) {
    const from = Math.min(skip, chunk.length);
    skip -= from;
    for (let at = from; at < chunk.length;) at += (await handle.write(chunk, at)).bytesWritten;
  }
}

/** The chunks that make up the last `length` bytes: a batch, without the schema message that may precede it. */
function lastBytes(chunks: readonly Uint8Array[], length: number): Uint8Array[] {
  const kept: Uint8Array[] = [];
  let missing = length;
  for (let i = chunks.length - 1; i >= 0 && missing > 0; i--) {
    kept.unshift(chunks[i] as Uint8Array);
    missing -= (chunks[i] as Uint8Array).length;
  }
  return kept;
}

/** Least and greatest value of the leading sort column; the row's number in its file where the table has none. */
function sortRange(
  layout: Layout,
  columns: readonly ColumnData[],
  [first, rows]: readonly [number, number],
): { min: number; max: number } {
  const at = layout.columns.findIndex((spec: ColumnSpec) => spec.name === layout.sort);
  const values = columns[at]?.leaves[0];
  if (!ArrayBuffer.isView(values)) return { min: first, max: first + rows - 1 };
  let min = Infinity;
  let max = -Infinity;
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}
