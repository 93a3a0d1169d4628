// Windows of a stored token stream, read by their positions from a local file: memory does not grow with the corpus.
import { closeSync, openSync, readSync } from 'node:fs';
import { DataError } from '../../schemas/errors.js';

/** A local copy of a stream. */
export interface StreamFile {
  readonly path: string;
  /** Tokens in it. */
  readonly tokens: number;
  readonly dtype: 'uint16' | 'uint32';
  /** float32 weights of the tokens; null: all weigh 1. */
  readonly weights: string | null;
}

/** Neighbouring tokens of one stream. Reads block: meant for compute children. */
export class TokenStream {
  readonly tokens: number;
  readonly #file: StreamFile;
  readonly #ids: number;
  readonly #weights: number | null;

  constructor(file: StreamFile) {
    this.tokens = file.tokens;
    this.#file = file;
    this.#ids = openSync(file.path, 'r');
    this.#weights = file.weights === null ? null : openSync(file.weights, 'r');
  }

  get weighted(): boolean {
    return this.#weights !== null;
  }

  /** Copies the ids of tokens at … at + target.length − 1. @throws DataError beyond the end */
  readIds(at: number, target: Int32Array): void {
    this.#check(at, target.length);
    if (this.#file.dtype === 'uint32') {
      readWhole(this.#ids, new Uint8Array(target.buffer, target.byteOffset, target.byteLength), {
        at: at * 4,
        path: this.#file.path,
      });
      return;
    }
    const halves = new Uint16Array(target.length);
    readWhole(this.#ids, new Uint8Array(halves.buffer), { at: at * 2, path: this.#file.path });
    target.set(halves);
  }

  /** Copies the weights of tokens at … at + target.length − 1; 1 where none are stored. */
  readWeights(at: number, target: Float32Array): void {
    this.#check(at, target.length);
    if (this.#weights === null) target.fill(1);
    else
      readWhole(this.#weights, new Uint8Array(target.buffer, target.byteOffset, target.byteLength), {
        at: at * 4,
        path: this.#file.weights ?? '',
      });
  }

  close(): void {
    closeSync(this.#ids);
    if (this.#weights !== null) closeSync(this.#weights);
  }

  #check(at: number, length: number): void {
    if (at >= 0 && at + length <= this.tokens) return;
    const text = `Expected tokens ${at} … ${at + length - 1} in a stream of ${this.tokens}, found none there; the offset does not belong to this stream.`;
    throw new DataError(text, { at, length, tokens: this.tokens });
  }
}

function readWhole(file: number, bytes: Uint8Array, from: { readonly at: number; readonly path: string }): void {
  for (let done = 0; done < bytes.length;) {
    const read = readSync(file, bytes, done, bytes.length - done, from.at + done);
    if (read === 0)
      throw new DataError(
        `Expected ${bytes.length} bytes at ${from.at} of ${from.path}, found ${done}; the local copy was cut short: remove it and go on.`,
        { path: from.path, at: from.at },
      );
    done += read;
  }
}
