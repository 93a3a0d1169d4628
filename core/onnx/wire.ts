// Protobuf's wire format: a bounds-checked reader over one byte array and a writer that collects chunks without copying
// large byte fields. Knows nothing of ONNX. Source: protobuf.dev, "Encoding".
import { InputError } from '../../schemas/errors.js';
import type { Long } from './proto.js';

export const WIRE = { varint: 0, fixed64: 1, delimited: 2, fixed32: 5 } as const;

const strictText = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();
/** Byte fields above this size are passed on as views instead of being copied. */
const VIEW_BYTES = 4096;

/** Reads within [pos, end); every read checks that it stays inside. @throws InputError (all methods) naming the byte. */
export class WireReader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  pos = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** A varint's low 32 bits and high 32 bits as one unsigned number if exact, else a bigint. */
  ulong(end: number): Long {
    let low = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#byte(end);
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return low;
    }
    let value = BigInt(low);
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.#byte(end);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return narrow(BigInt.asUintN(64, value));
    }
    throw this.damaged('a varint of more than 10 bytes');
  }

  /** A varint as signed 64-bit integer. */
  long(end: number): Long {
    const value = this.ulong(end);
    return typeof value === 'number' && value <= 0x7fffffff
      ? value
      : narrow(BigInt.asIntN(64, BigInt(value)));
  }

  /** A signed varint that a number holds exactly. */
  int(end: number): number {
    const value = this.long(end);
    if (typeof value === 'bigint')
      throw this.damaged(`the integer ${value}, which is out of range`);
    return value;
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

  #byte(end: number): number {
    if (this.pos >= end) throw this.damaged('the end of a message inside a number');
    return this.bytes[this.pos++] as number;
  }

  #need(count: number, end: number): void {
    if (this.pos + count > end)
      throw this.damaged(`a number of ${count} bytes where ${end - this.pos} are left`);
  }
}

function narrow(value: bigint): Long {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function asciiText(view: Uint8Array): string | null {
  let text = '';
  for (const byte of view) {
    if (byte > 0x7f) return null;
    text += String.fromCharCode(byte);
  }
  return text;
}

/** Collects a message as chunks; large byte fields stay views of the caller's memory. */
export class WireWriter {
  readonly chunks: Uint8Array[] = [];
  /** Bytes in `chunks`; those still in the buffer are not counted. */
  #chunkBytes = 0;
  #buffer = new Uint8Array(256);
  #view = new DataView(this.#buffer.buffer);
  #used = 0;

  /** All bytes so far. */
  get length(): number {
    return this.#chunkBytes + this.#used;
  }

  tag(field: number, wire: number): void {
    this.long(field * 8 + wire);
  }

  long(value: Long): void {
    this.#reserve(10);
    if (typeof value === 'number' && value >= 0 && value <= 0x7fffffff) {
      let rest = value;
      while (rest > 0x7f) {
        this.#buffer[this.#used++] = (rest & 0x7f) | 0x80;
        rest >>>= 7;
      }
      this.#buffer[this.#used++] = rest;
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > 0x7fn) {
      this.#buffer[this.#used++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#buffer[this.#used++] = Number(rest);
  }

  float(value: number): void {
    this.#reserve(4);
    this.#view.setFloat32(this.#used, value, true);
    this.#used += 4;
  }

  double(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#used, value, true);
    this.#used += 8;
  }

  string(text: string): void {
    this.delimited(encoder.encode(text));
  }

  delimited(bytes: Uint8Array): void {
    this.long(bytes.length);
    this.raw(bytes);
  }

  raw(bytes: Uint8Array): void {
    if (bytes.length > VIEW_BYTES) {
      this.flush();
      this.chunks.push(bytes);
      this.#chunkBytes += bytes.length;
      return;
    }
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  /** Appends another writer's content with its length before it. */
  nested(inner: WireWriter): void {
    inner.flush();
    this.long(inner.length);
    for (const chunk of inner.chunks) this.raw(chunk);
  }

  /** Moves buffered bytes into `chunks`. */
  flush(): void {
    if (this.#used === 0) return;
    this.chunks.push(this.#buffer.slice(0, this.#used));
    this.#chunkBytes += this.#used;
    this.#used = 0;
  }

  #reserve(count: number): void {
    if (this.#used + count <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(this.#buffer.length * 2, this.#used + count));
    larger.set(this.#buffer.subarray(0, this.#used));
    this.#buffer = larger;
    this.#view = new DataView(larger.buffer);
  }
}
