// What leaves a process towards Temporal's history, a log or a run's events: bounded in bytes and without the text of documents.
// Messages of our own never quote that text: it travels as the value `excerpt`, which stays here; what other programs say may quote
// anything, so their quotations go.
import { AssayError } from '../../schemas/errors.js';

/** Longest message, in bytes of UTF-8. */
export const MAX_MESSAGE_BYTES = 4096;
/** Longest text within values. */
const MAX_VALUE_BYTES = 1024;
/** Values as JSON, all together. */
const MAX_DETAILS_BYTES = 16_384;
const MAX_ITEMS = 256;
const MAX_DEPTH = 6;
const MAX_STACK_LINES = 20;
/** The value of an error that holds a piece of a document: for the terminal of whoever has the document. */
export const EXCERPT = 'excerpt';

/** Text of at most so many bytes of UTF-8: its head and its tail, and how long it is in all. */
export function boundedText(text: string, maxBytes: number = MAX_MESSAGE_BYTES): string {
  // No unit of UTF-16 takes more than three bytes.
  if (text.length * 3 <= maxBytes) return text;
  const bytes = Buffer.byteLength(text);
  if (bytes <= maxBytes) return text;
  const note = ` … (${bytes} bytes in all) … `;
  const room = Math.max(0, maxBytes - Buffer.byteLength(note));
  const tailRoom = Math.floor(room / 4);
  return `${headOf(text, room - tailRoom)}${note}${tailOf(text, tailRoom)}`;
}

/** As much of the beginning as fits, in whole characters. */
function headOf(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text.slice(0, maxBytes));
  let end = Math.min(maxBytes, bytes.length);
  while (end > 0 && end < bytes.length && isContinuation(bytes[end])) end--;
  return bytes.toString('utf8', 0, end);
}

function tailOf(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text.slice(Math.max(0, text.length - maxBytes)));
  let start = Math.max(0, bytes.length - maxBytes);
  while (start < bytes.length && isContinuation(bytes[start])) start++;
  return bytes.toString('utf8', start);
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

/** A message of another program, its quotations replaced by their length. */
export function withoutQuotations(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"?|'[^'\n]{9,}'?|`[^`]{9,}`?|“[^”]*”?/gs, (quoted) => {
    const bytes = Buffer.byteLength(quoted);
    return `${quoted[0] ?? ''}… ${bytes} bytes …${quoted[0] ?? ''}`;
  });
}

/** An error as it may leave the process: plain data. */
export interface OutgoingError {
  readonly name: string;
  readonly message: string;
  readonly details: Record<string, unknown>;
  /** Where it arose: lines of the stack, without the message. */
  readonly stack: string;
}

/** An error without the text of documents and with a bounded length; `details` hold no `excerpt`. */
export function outgoingError(thrown: unknown): OutgoingError {
  const error = thrown instanceof Error ? thrown : new TypeError(String(thrown));
  const own = error instanceof AssayError;
  const message = boundedText(own ? error.message : withoutQuotations(error.message));
  const details = own ? outgoingValues(error.details) : {};
  return { name: boundedText(error.name, 128), message, details, stack: framesOf(error) };
}

function framesOf({ stack = '' }: Error): string {
  const frames = stack.split('\n').filter((line) => /^\s+at \S/.test(line));
  return boundedText(frames.slice(0, MAX_STACK_LINES).join('\n'));
}

/** Named values, bounded in depth, number and bytes; excerpts left out. Small values of plain data come back equal. */
export function outgoingValues(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const bounded = boundedValue(values, 0) as Record<string, unknown>;
  const bytes = Buffer.byteLength(JSON.stringify(bounded));
  if (bytes <= MAX_DETAILS_BYTES) return bounded;
  // The largest go first, so that the small ones that name the place stay.
  const sizes = Object.entries(bounded).map(([name, value]) => ({ name, bytes: jsonBytes(value) }));
  sizes.sort((a, b) => b.bytes - a.bytes);
  let left = bytes;
  for (const { name, bytes: own } of sizes) {
    if (left <= MAX_DETAILS_BYTES) break;
    bounded[name] = `… ${own} bytes left out …`;
    left -= own;
  }
  return bounded;
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value ?? null));
}

function boundedValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return boundedText(value, MAX_VALUE_BYTES);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return typeof value;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return depth < MAX_DEPTH ? loggedError(value, depth) : value.name;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `… ${value.byteLength} bytes …`;
  if (value instanceof Date) return value;
  if (depth >= MAX_DEPTH) return '…';
  if (Array.isArray(value)) {
    const items = value.slice(0, MAX_ITEMS).map((item) => boundedValue(item, depth + 1));
    return value.length > MAX_ITEMS ? [...items, `… ${value.length} in all`] : items;
  }
  const entries = Object.entries(value).filter(([name, one]) => name !== EXCERPT && typeof one !== 'function');
  return Object.fromEntries(
    entries.slice(0, MAX_ITEMS).map(([name, one]) => [boundedText(name, 256), boundedValue(one, depth + 1)]),
  );
}

/** An error among values, with those beneath it. */
function loggedError(error: Error, depth: number): Record<string, unknown> {
  const { name, ...rest } = outgoingError(error);
  const beneath = error.cause === undefined ? {} : { cause: boundedValue(error.cause, depth + 2) };
  return { type: name, ...rest, ...beneath };
}
