// The arguments of a pickle's opcodes, read one after the other. Knows no opcode.
import { DataError } from '../../schemas/errors.js';

export class PickleBytes {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #file: string;
  #at = 0;

  constructor(bytes: Uint8Array, file: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#file = file;
  }

  byte(): number {
    return this.take(1)[0] as number;
  }

  /** Little-endian. @param length 2, 4 or 8 bytes */
  unsigned(length: 2 | 4 | 8): number {
    const at = this.#skip(length);
    if (length === 2) return this.#view.getUint16(at, true);
    return length === 4 ? this.#view.getUint32(at, true) : Number(this.#view.getBigUint64(at, true));
  }

  signed32(): number {
    return this.#view.getInt32(this.#skip(4), true);
  }

  /** Two's complement of any length, little-endian. */
  long(length: number): number {
    const bytes = this.take(length);
    let value = 0n;
    for (const byte of [...bytes].reverse()) value = (value << 8n) | BigInt(byte);
    const negative = length > 0 && ((bytes[length - 1] as number) & 0x80) !== 0;
    return Number(negative ? value - (1n << BigInt(8 * length)) : value);
  }

  /** Big-endian, as pickles have it. */
  float64(): number {
    return this.#view.getFloat64(this.#skip(8), false);
  }

  text(length: number): string {
    return new TextDecoder().decode(this.take(length));
  }

  /** Up to the next line feed, which is left out. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) throw this.#short();
    const text = new TextDecoder().decode(this.#bytes.subarray(this.#at, end));
    this.#at = end + 1;
    return text;
  }

  take(length: number): Uint8Array {
    const at = this.#skip(length);
    return this.#bytes.subarray(at, at + length);
  }

  #skip(length: number): number {
    const at = this.#at;
    if (at + length > this.#bytes.length) throw this.#short();
    this.#at += length;
    return at;
  }

  #short(): DataError {
    return new DataError(
      `Expected a whole pickle in ${this.#file}, found that it breaks off at byte ${this.#at} of ${this.#bytes.length}. Copy or make the file anew.`,
      { file: this.#file, at: this.#at },
    );
  }
}
