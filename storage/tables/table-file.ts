// One Arrow file of a table while it is written: bytes go to disk and into the hash, each batch is recorded by range and CRC.
// Decides nothing about where batches or files end.
import { createHash, type Hash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { BatchRecord } from '../../schemas/records.js';
import { ArrowFileEncoder } from '../arrow/file-writer.js';
import { toRecordBatch, type TableForm } from './arrow-write.js';
import type { ColumnData } from './column-data.js';

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

export class OpenTableFile {
  readonly #form: TableForm;
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #encoder: ArrowFileEncoder;
  readonly #sortColumn: number;
  readonly #hash: Hash = createHash('sha256');
  readonly #batches: BatchRecord[] = [];
  #bytes = 0;
  #rows = 0;

  private constructor(form: TableForm, path: string, handle: FileHandle) {
    this.#form = form;
    this.#path = path;
    this.#handle = handle;
    this.#encoder = new ArrowFileEncoder(form.schema, form.layout.compressed);
    this.#sortColumn = form.layout.columns.findIndex((spec) => spec.name === form.layout.sort);
  }

  /** A file on disk that holds its schema. */
  static async create(form: TableForm, path: string): Promise<OpenTableFile> {
    const file = new OpenTableFile(form, path, await open(path, 'w'));
    await file.#append(file.#encoder.takeChunks());
    return file;
  }

  get rows(): number {
    return this.#rows;
  }

  async writeBatch(columns: readonly ColumnData[], rows: number): Promise<void> {
    const range = this.#encoder.writeBatch(toRecordBatch(this.#form, columns, rows));
    const chunks = this.#encoder.takeChunks();
    let crc = 0;
    for (const chunk of lastBytes(chunks, range.length)) crc = crc32(chunk, crc);
    this.#batches.push({ ...range, rows, ...this.#sortRange(columns, rows), crc32: crc });
    await this.#append(chunks);
    this.#rows += rows;
  }

  async finish(): Promise<TableFile> {
    await this.#append(this.#encoder.finish());
    await this.#handle.close();
    return {
      table: this.#form.layout.name,
      path: this.#path,
      extension: 'arrow',
      sha256: this.#hash.digest('hex'),
      bytes: this.#bytes,
      rows: this.#rows,
      batches: this.#batches,
    };
  }

  /** Closes it as it is. */
  async abort(): Promise<void> {
    await this.#handle.close();
  }

  async #append(chunks: readonly Uint8Array[]): Promise<void> {
    for (const chunk of chunks) this.#hash.update(chunk);
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (length > 0) await writeAll(this.#handle, chunks, length);
    this.#bytes += length;
  }

  /** Least and greatest value of the sort column; the row's number in its file where the table has none. */
  #sortRange(columns: readonly ColumnData[], rows: number): { min: number; max: number } {
    const values = columns[this.#sortColumn]?.leaves[0];
    if (!ArrayBuffer.isView(values)) return { min: this.#rows, max: this.#rows + rows - 1 };
    let min = Infinity;
    let max = -Infinity;
    for (const value of values) {
      if (value < min) min = value;
      if (value > max) max = value;
    }
    return { min, max };
  }
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
