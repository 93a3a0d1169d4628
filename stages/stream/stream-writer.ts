// Writes a flat file of fixed-size elements whose pieces come in any order; neighbouring pieces are written together.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type { SpoolFile } from '../stage.js';

/** Bytes collected before they are written. */
const BUFFER_BYTES = 4 * 2 ** 20;

export class StreamWriter {
  readonly #path: string;
  readonly #file: FileHandle;
  #pieces: Uint8Array[] = [];
  #at = 0;
  #length = 0;
  #end = 0;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  static async open(path: string): Promise<StreamWriter> {
    return new StreamWriter(path, await open(path, 'w'));
  }

  /** Puts values at byte `at`; they must not be changed afterwards. */
  async put(at: number, values: ArrayBufferView): Promise<void> {
    if (at !== this.#at + this.#length) {
      await this.#flush();
      this.#at = at;
    }
    this.#pieces.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    this.#length += values.byteLength;
    this.#end = Math.max(this.#end, at + values.byteLength);
    if (this.#length >= BUFFER_BYTES) await this.#flush();
  }

  /** The finished file. @param rows elements */
  async finish(table: string, rows: number): Promise<SpoolFile> {
    await this.#flush();
    await this.#file.close();
    const hash = createHash('sha256');
    for await (const piece of createReadStream(this.#path, { highWaterMark: 2 ** 20 })) hash.update(piece as Buffer);
    return {
      table,
      path: this.#path,
      extension: 'bin',
      sha256: hash.digest('hex'),
      bytes: this.#end,
      rows,
      batches: [],
    };
  }

  async abort(): Promise<void> {
    await this.#file.close();
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#pieces);
    for (let done = 0; done < bytes.length;)
      done += (await this.#file.write(bytes, done, bytes.length - done, this.#at + done)).bytesWritten;
    this.#at += this.#length;
    this.#pieces = [];
    this.#length = 0;
  }
}
