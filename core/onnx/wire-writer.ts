// Protobuf's wire format, written: collects chunks without copying large byte fields. Knows nothing of ONNX.
// Source: protobuf.dev, "Encoding".
import type { Long } from './proto.js';

const encoder = new TextEncoder();
/** Byte fields above this size are passed on as views instead of being copied. */
const VIEW_BYTES = 4096;
/** Bytes of a buffer into which small fields are written; the first one is small, because most messages are. */
const BLOCK_BYTES = { first: 2048, next: 65536 } as const;
/** Longest text that is copied letter by letter; longer ones are left to the encoder. */
const SHORT_TEXT = 256;

/**
 * Collects a message from its last byte to its first, because a field's length, which stands before it, is known only once
 * the field is written. Large byte fields stay views of the caller's memory.
 */
export class WireWriter {
  /** Finished pieces, the last of the message first. */
  readonly #pieces: Uint8Array[] = [];
  #pieceBytes = 0;
  #block = new Uint8Array(BLOCK_BYTES.first);
  #view = new DataView(this.#block.buffer);
  /** The unfinished piece is #block[#at … #end). */
  #at: number = BLOCK_BYTES.first;
  #end: number = BLOCK_BYTES.first;

  /** All bytes so far. */
  get length(): number {
    return this.#pieceBytes + this.#end - this.#at;
  }

  /** The message, in order. */
  finish(): Uint8Array[] {
    this.#close();
    return this.#pieces.reverse();
  }

  tag(field: number, wire: number): void {
    this.long(field * 8 + wire);
  }

  long(value: Long): void {
    this.#reserve(10);
    if (typeof value === 'number' && value >= 0 && value <= 0x7fffffff) {
      let rest = value;
      this.#at -= rest < 0x80 ? 1 : rest < 0x4000 ? 2 : rest < 0x200000 ? 3 : rest < 0x10000000 ? 4 : 5;
      let at = this.#at;
      for (; rest > 0x7f; rest >>>= 7) this.#block[at++] = (rest & 0x7f) | 0x80;
      this.#block[at] = rest;
      return;
    }
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
    this.#at -= bytes.length;
    this.#block.set(bytes, this.#at);
  }

  float(value: number): void {
    this.#reserve(4);
    this.#at -= 4;
    this.#view.setFloat32(this.#at, value, true);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#at -= 8;
    this.#view.setFloat64(this.#at, value, true);
  }

  string(text: string): void {
    if (text.length > SHORT_TEXT || !this.#ascii(text)) this.delimited(encoder.encode(text));
  }

  delimited(bytes: Uint8Array): void {
    this.raw(bytes);
    this.long(bytes.length);
  }

  raw(bytes: Uint8Array): void {
    if (bytes.length > VIEW_BYTES) {
      this.#close();
      this.#add(bytes);
      return;
    }
    this.#reserve(bytes.length);
    this.#at -= bytes.length;
    this.#block.set(bytes, this.#at);
  }

  /** Writes the text if all its letters are ASCII; else writes nothing that stays. */
  #ascii(text: string): boolean {
    const { length } = text;
    this.#reserve(length);
    const start = this.#at - length;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) return false;
      this.#block[start + i] = code;
    }
    this.#at = start;
    this.long(length);
    return true;
  }

  #reserve(count: number): void {
    if (this.#at >= count) return;
    this.#close();
    this.#block = new Uint8Array(Math.max(BLOCK_BYTES.next, count));
    this.#view = new DataView(this.#block.buffer);
    this.#at = this.#block.length;
    this.#end = this.#at;
  }

  #close(): void {
    if (this.#at < this.#end) this.#add(this.#block.subarray(this.#at, this.#end));
    this.#end = this.#at;
  }

  #add(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#pieceBytes += piece.length;
  }
}
