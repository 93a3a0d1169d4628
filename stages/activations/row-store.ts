// Holds a shard's rows of one site while they arrive in token order and leave in stored order: in memory where that fits,
// else in a scratch file in the spool folder, so that a child's memory does not grow with shard, width or number of sites.
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { ResourceError } from '../../schemas/errors.js';

export type Rows = Uint16Array | Float32Array;

export interface RowStoreOptions {
  readonly rows: number;
  readonly width: number;
  readonly dtype: 'float16' | 'float32';
}

/** Random access by row on the way in, blocks in order on the way out. */
export interface RowStore {
  /** Where to put the values of a row; `commit` afterwards. The array may be used until the next call. */
  slot(row: number): Rows;
  commit(row: number): void;
  /** Rows from … to − 1, end to end; may be used until the next call. */
  block(from: number, to: number): Rows;
  close(): void;
}

/** A store in memory, or, where it would take more than `memoryBytes`, in the file `scratch` (which close removes). */
export function openRowStore(
  options: RowStoreOptions,
  { scratch, memoryBytes }: { scratch: string; memoryBytes: number },
): RowStore {
  return storeBytes(options) <= memoryBytes ? new MemoryRows(options) : new FileRows(options, scratch);
}

/** Bytes of all rows. */
export function storeBytes({ rows, width, dtype }: RowStoreOptions): number {
  return rows * width * (dtype === 'float16' ? 2 : 4);
}

function allocate({ width, dtype }: RowStoreOptions, rows: number): Rows {
  return dtype === 'float16' ? new Uint16Array(rows * width) : new Float32Array(rows * width);
}

class MemoryRows implements RowStore {
  readonly #values: Rows;
  readonly #width: number;

  constructor(options: RowStoreOptions) {
    this.#width = options.width;
    this.#values = allocate(options, options.rows);
  }

  slot(row: number): Rows {
    return this.block(row, row + 1);
  }

  commit(): void {
    // The slot is the row itself.
  }

  block(from: number, to: number): Rows {
    return this.#values.subarray(from * this.#width, to * this.#width);
  }

  close(): void {
    // Garbage collection frees the array.
  }
}

class FileRows implements RowStore {
  readonly #path: string;
  readonly #handle: number;
  readonly #options: RowStoreOptions;
  readonly #row: Rows;

  constructor(options: RowStoreOptions, path: string) {
    this.#options = options;
    this.#path = path;
    this.#handle = openSync(path, 'w+');
    this.#row = allocate(options, 1);
  }

  slot(): Rows {
    return this.#row;
  }

  commit(row: number): void {
    const { byteLength } = this.#row;
    try {
      for (let done = 0; done < byteLength;) {
        done += writeSync(this.#handle, this.#row, done, byteLength - done, row * byteLength + done);
      }
    } catch (error) {
      throw new ResourceError(
        `Cannot write ${storeBytes(this.#options)} bytes of scratch rows to "${this.#path}": ${(error as Error).message}. Free disk space for the worker's spool folder or lower corpus.shardTokens.`,
        { path: this.#path, bytes: storeBytes(this.#options) },
        { cause: error },
      );
    }
  }

  block(from: number, to: number): Rows {
    const values = allocate(this.#options, to - from);
    const position = from * this.#row.byteLength;
    for (let done = 0; done < values.byteLength;) {
      const read = readSync(this.#handle, values, done, values.byteLength - done, position + done);
      if (read === 0)
        throw new ResourceError(`The scratch file "${this.#path}" ended early.`, {
          path: this.#path,
        });
      done += read;
    }
    return values;
  }

  close(): void {
    closeSync(this.#handle);
    unlinkSync(this.#path);
  }
}
