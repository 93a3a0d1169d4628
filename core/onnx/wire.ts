// Protobuf's wire format, read: every read is checked against its bounds, and what is taken in memory against a limit. Knows
// nothing of ONNX; wire-writer.ts writes. Source: protobuf.dev, "Encoding".
import { InputError } from '../../schemas/errors.js';
import type { Long } from './proto.js';

export const WIRE = { varint: 0, fixed64: 1, delimited: 2, fixed32: 5 } as const;

const strictText = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Longest text that is read, in bytes; V8 has no texts above 512 MiB, and no exporter writes such names. */
const MAX_TEXT_BYTES = 2 ** 26;
/** Bound of the memory that the read structures take, in bytes (views of the file are not counted). */
const MAX_STRUCTURE_BYTES = 2 ** 29;
/** Greatest field number of protobuf. */
const MAX_FIELD = 2 ** 29 - 1;

/** Reads within [pos, end); every read checks that it stays inside. @throws InputError (all methods) naming the byte. */
export class WireReader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  /** Parts of the last varint: bits 0-27, 28-55 and 56-63. */
  #low = 0;
  #middle = 0;
  #high = 0;
  #charged = 0;
  pos = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Counts memory that the caller is about to take: two bytes of a file can ask for an object of two hundred. */
  charge(bytes: number): void {
    this.#charged += bytes;
    if (this.#charged <= MAX_STRUCTURE_BYTES) return;
    throw this.damaged(
      `more messages, names and numbers than ${MAX_STRUCTURE_BYTES / 2 ** 20} MiB hold (weights belong into raw data or external data)`,
    );
  }

  /** Field number and wire type. */
  tag(end: number): { field: number; wire: number } {
    const tag = this.ulong(end);
    // Beyond this a parser of 32-bit tags sees another field than this one, so that checks here would be void.
    if (typeof tag === 'bigint' || tag < 8 || tag > MAX_FIELD * 8 + 7)
      throw this.damaged(`the field number ${BigInt(tag) >> 3n}`);
    return { field: Math.floor(tag / 8), wire: tag % 8 };
  }

  /** A varint as unsigned 64-bit integer. */
  ulong(end: number): Long {
    this.#varint(end);
    if (this.#high === 0 && this.#middle < 2 ** 25) return this.#low + this.#middle * 2 ** 28;
    return (BigInt(this.#high) << 56n) | (BigInt(this.#middle) << 28n) | BigInt(this.#low);
  }

  /** A varint as signed 64-bit integer. */
  long(end: number): Long {
    const value = this.ulong(end);
    if (typeof value === 'number') return value;
    // Small negative numbers have all upper bits set.
    if (this.#high === 0xff && this.#middle >= 2 ** 28 - 2 ** 25) return this.#low + (this.#middle - 2 ** 28) * 2 ** 28;
    const signed = BigInt.asIntN(64, value);
    const number = Number(signed);
    return Number.isSafeInteger(number) ? number : signed;
  }

  /** A signed varint that a number holds exactly. */
  int(end: number): number {
    const value = this.long(end);
    if (typeof value === 'bigint') throw this.damaged(`the integer ${value}, which is out of range`);
    return value;
  }

  /** A signed varint of 32 bits; larger ones, which other parsers cut to 32 bits, are refused. */
  int32(end: number): number {
    const value = this.int(end);
    if (value !== (value | 0)) throw this.damaged(`the integer ${value}, which is out of range`);
    return value;
  }

  /** The run of floats up to `end`, with their very bits. */
  floats(end: number): Float32Array {
    const bytes = this.#run(end, 4);
    return new Float32Array(bytes.buffer);
  }

  /** The run of doubles up to `end`, with their very bits. */
  doubles(end: number): Float64Array {
    const bytes = this.#run(end, 8);
    return new Float64Array(bytes.buffer);
  }

  float(end: number): number {
    this.#need(4, end);
    this.pos += 4;
    return this.#view.getFloat32(this.pos - 4, true);
  }

  double(end: number): number {
    this.#need(8, end);
    this.pos += 8;
    return this.#view.getFloat64(this.pos - 8, true);
  }

  /** The end of a length-delimited field whose length stands here. */
  delimitedEnd(end: number): number {
    const length = this.ulong(end);
    if (typeof length === 'bigint' || this.pos + length > end) {
      throw this.damaged(`a field of ${length} bytes where ${end - this.pos} are left`);
    }
    return this.pos + length;
  }

  /** A view of the next length-delimited field. */
  delimited(end: number): Uint8Array {
    const fieldEnd = this.delimitedEnd(end);
    const view = this.bytes.subarray(this.pos, fieldEnd);
    this.pos = fieldEnd;
    return view;
  }

  string(end: number): string {
    const start = this.pos;
    const view = this.delimited(end);
    if (view.length > MAX_TEXT_BYTES) throw this.damaged(`a text of ${view.length} bytes`);
    if (view.length < 32) {
      const text = asciiText(view);
      if (text !== null) return text;
    }
    try {
      return strictText.decode(view);
    } catch {
      this.pos = start;
      throw this.damaged('a text that is not UTF-8');
    }
  }

  /** Moves over one field of the given wire type. */
  skip(wire: number, end: number): void {
    if (wire === WIRE.varint) this.ulong(end);
    else if (wire === WIRE.delimited) this.pos = this.delimitedEnd(end);
    else if (wire === WIRE.fixed64) this.double(end);
    else if (wire === WIRE.fixed32) this.float(end);
    else throw this.damaged(`wire type ${wire}`);
  }

  damaged(found: string): InputError {
    return new InputError(
      `Not a whole ONNX model: found ${found} at byte ${this.pos} of ${this.bytes.length}. Copy the file again or export it anew.`,
      { byte: this.pos, bytes: this.bytes.length, found },
    );
  }

  #varint(end: number): void {
    this.#low = 0;
    this.#middle = 0;
    this.#high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.pos >= end) throw this.damaged('the end of a message inside a number');
      const byte = this.bytes[this.pos++] as number;
      const bits = byte & 0x7f;
      if (shift < 28) this.#low |= bits << shift;
      else if (shift < 56) this.#middle |= bits << (shift - 28);
      else this.#high = (this.#high | (bits << (shift - 56))) & 0xff;
      if (byte < 0x80) return;
    }
    throw this.damaged('a varint of more than 10 bytes');
  }

  #run(end: number, size: number): Uint8Array<ArrayBuffer> {
    const length = end - this.pos;
    if (length % size !== 0) throw this.damaged(`${length} bytes of numbers of ${size} bytes each`);
    this.pos = end;
    return new Uint8Array(this.bytes.subarray(end - length, end));
  }

  #need(count: number, end: number): void {
    if (this.pos + count > end) throw this.damaged(`a number of ${count} bytes where ${end - this.pos} are left`);
  }
}

function asciiText(view: Uint8Array): string | null {
  let text = '';
  for (const byte of view) {
    if (byte > 0x7f) return null;
    text += String.fromCharCode(byte);
  }
  return text;
}
