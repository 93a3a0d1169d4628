// JSON lines as records: lines are cut from bytes, so that a broken one is named by line and byte.
import { isUtf8 } from 'node:buffer';
import { kindOf, type BadRecord } from '../../core/corpus/document.js';
import { parseExactJson } from '../../core/text/parse-exact-json.js';
import { DataError } from '../../schemas/errors.js';
import { badJson } from './bad-json.js';
import type { RawRecord } from './raw-record.js';

/** Longest line, in bytes. */
export const MAX_LINE_BYTES = 64 * 2 ** 20;
const NEWLINE = 0x0a;

/**
 * Records of a stream of JSON lines, a batch for each chunk; `line` counts from 1. Blank lines are passed over.
 * @throws DataError of the stream, with the last line that was whole
 */
export async function* readJsonLines(
  chunks: AsyncIterable<Uint8Array>,
  maxLineBytes = MAX_LINE_BYTES,
): AsyncGenerator<RawRecord[], void, undefined> {
  const lines = new LineCutter(maxLineBytes);
  try {
    for await (const chunk of chunks) {
      const records = lines.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
      if (records.length > 0) yield records;
    }
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    const { line } = lines;
    throw new DataError(
      `${error.message} It broke off after line ${line}.`,
      { ...error.details, line },
      { cause: error },
    );
  }
  const rest = lines.finish();
  if (rest.length > 0) yield rest;
}

class LineCutter {
  /** Lines cut so far. */
  line = 0;
  readonly #maxLineBytes: number;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** Offset of the pending line in the decompressed stream. */
  #offset = 0;
  #overlong = false;

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  push(chunk: Buffer): RawRecord[] {
    const records: RawRecord[] = [];
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      this.#add(chunk.subarray(from, end), records);
      this.#endLine(1, records);
      from = end + 1;
    }
    // A copy: the stream may reuse the chunk's memory.
    if (from < chunk.length) this.#add(Buffer.from(chunk.subarray(from)), records);
    return records;
  }

  finish(): RawRecord[] {
    const records: RawRecord[] = [];
    if (this.#pendingBytes > 0) this.#endLine(0, records);
    return records;
  }

  #add(piece: Buffer, records: RawRecord[]): void {
    this.#pendingBytes += piece.length;
    if (this.#overlong) return;
    if (this.#pendingBytes <= this.#maxLineBytes) {
      this.#pending.push(piece);
      return;
    }
    this.#overlong = true;
    this.#pending = [];
    const problem = `expected a line of at most ${this.#maxLineBytes} bytes, found a longer one (is the file JSON lines, one object a line?)`;
    records.push({
      line: this.line + 1,
      bad: { reason: 'tooLong', problem, details: { limitBytes: this.#maxLineBytes } },
    });
  }

  #endLine(newlineBytes: number, records: RawRecord[]): void {
    this.line++;
    if (!this.#overlong) {
      const [only] = this.#pending;
      const bytes = this.#pending.length === 1 && only ? only : Buffer.concat(this.#pending);
      const record = parseLine(bytes, this.line, this.#offset);
      if (record) records.push(record);
    }
    this.#offset += this.#pendingBytes + newlineBytes;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#overlong = false;
  }
}

function parseLine(bytes: Buffer, line: number, offset: number): RawRecord | null {
  if (!isUtf8(bytes)) return { line, bad: badUtf8(bytes, offset) };
  const hasMark = line === 1 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  const text = bytes.toString('utf8', hasMark ? 3 : 0);
  let value: unknown;
  try {
    value = parseExactJson(text);
  } catch (error) {
    if (text.trim() === '') return null;
    const { reason, problem, details } = badJson(
      error,
      'a JSON object on the line',
      `${bytes.length} bytes that are none`,
    );
    return { line, bad: { reason, problem, details: { ...details, excerpt: text.slice(0, 200) } } };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const problem = `expected a JSON object on the line, found ${kindOf(value)}`;
    return {
      line,
      bad: { reason: 'notAnObject', problem, details: { excerpt: text.slice(0, 200) } },
    };
  }
  return { line, fields: value as Record<string, unknown> };
}

/** What is reported of bytes that are not UTF-8. @param offset of the bytes in the decompressed file */
export function badUtf8(bytes: Uint8Array, offset: number): BadRecord {
  const at = firstInvalidByte(bytes);
  const byte = `0x${(bytes[at] ?? 0).toString(16).padStart(2, '0')}`;
  return {
    reason: 'invalidUtf8',
    problem: `expected UTF-8, found byte ${byte} at byte offset ${offset + at}`,
    details: { byteOffset: offset + at, byte },
  };
}

/** Index of the first byte that cannot be UTF-8 (of a sequence cut short: its first byte). */
function firstInvalidByte(bytes: Uint8Array): number {
  let at = 0;
  while (at < bytes.length) {
    const first = bytes[at] ?? 0;
    const length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (length === 0 || !isUtf8(bytes.subarray(at, at + length))) return at;
    at += length;
  }
  return at;
}
