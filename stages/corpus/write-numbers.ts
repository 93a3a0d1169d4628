// One number per document, in an order that the caller keeps: `ids` (the hashes of a part's ids, ascending: by merging them,
// equal ids in different parts are found without reading texts) and `lines` (where each document stood in its file).
import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { SpoolFile } from '../stage.js';

/** Numbers in one object: 64 MB. */
const NUMBERS_PER_FILE = 2 ** 23;

export interface NumbersTarget {
  readonly spool: string;
  readonly table: 'ids' | 'lines';
  readonly shard: string;
}

/** Writes numbers as little-endian float64, cut into files. */
export class NumbersWriter {
  readonly #target: NumbersTarget;
  readonly #files: SpoolFile[] = [];
  readonly #numbers = new Float64Array(2 ** 12);
  #pending = 0;
  #open: {
    readonly path: string;
    readonly handle: FileHandle;
    rows: number;
  } | null = null;
  #hash = createHash('sha256');

  constructor(target: NumbersTarget) {
    this.#target = target;
  }

  async add(number: number): Promise<void> {
    this.#numbers[this.#pending++] = number;
    if (this.#pending === this.#numbers.length) await this.#flush();
  }

  async finish(): Promise<readonly SpoolFile[]> {
    await this.#flush();
    await this.#close();
    return this.#files;
  }

  async abort(): Promise<void> {
    await this.#open?.handle.close();
  }

  async #flush(): Promise<void> {
    if (this.#pending === 0) return;
    const { spool, table, shard } = this.#target;
    const file = path.join(spool, `${table}-${shard}-${this.#files.length}.bin`);
    this.#open ??= { path: file, handle: await open(file, 'w'), rows: 0 };
    const bytes = Buffer.from(this.#numbers.buffer, 0, this.#pending * 8);
    this.#hash.update(bytes);
    await this.#open.handle.writeFile(bytes);
    this.#open.rows += this.#pending;
    this.#pending = 0;
    if (this.#open.rows >= NUMBERS_PER_FILE) await this.#close();
  }

  async #close(): Promise<void> {
    if (!this.#open) return;
    const { path: file, handle, rows } = this.#open;
    await handle.close();
    this.#files.push({
      table: this.#target.table,
      path: file,
      shard: this.#target.shard,
      extension: 'bin',
      sha256: this.#hash.digest('hex'),
      bytes: rows * 8,
      rows,
      batches: [],
    });
    this.#open = null;
    this.#hash = createHash('sha256');
  }
}
