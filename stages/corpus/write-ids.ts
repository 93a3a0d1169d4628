// The hashes of all ids of a part, ascending: by merging them, equal ids in different parts are found without reading texts.
import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { SpoolFile } from '../stage.js';

/** Hashes in one `ids` object: 64 MB. */
const IDS_PER_FILE = 2 ** 23;

/** Writes hashes that come in ascending order as little-endian float64, cut into files. */
export class IdsWriter {
  readonly #spool: string;
  readonly #shard: string;
  readonly #files: SpoolFile[] = [];
  readonly #hashes = new Float64Array(2 ** 16);
  #pending = 0;
  #open: {
    readonly path: string;
    readonly handle: FileHandle;
    rows: number;
  } | null = null;
  #hash = createHash('sha256');

  constructor(spool: string, partDigest: string) {
    this.#spool = spool;
    this.#shard = partDigest.slice(0, 16);
  }

  async add(hash: number): Promise<void> {
    this.#hashes[this.#pending++] = hash;
    if (this.#pending === this.#hashes.length) await this.#flush();
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
    const file = path.join(this.#spool, `ids-${this.#files.length}.bin`);
    this.#open ??= { path: file, handle: await open(file, 'w'), rows: 0 };
    const bytes = Buffer.from(this.#hashes.buffer, 0, this.#pending * 8);
    this.#hash.update(bytes);
    await this.#open.handle.writeFile(bytes);
    this.#open.rows += this.#pending;
    this.#pending = 0;
    if (this.#open.rows >= IDS_PER_FILE) await this.#close();
  }

  async #close(): Promise<void> {
    if (!this.#open) return;
    const { path: file, handle, rows } = this.#open;
    await handle.close();
    this.#files.push({
      table: 'ids',
      path: file,
      shard: this.#shard,
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
