// The rules for object keys and their order, the same for every driver: what one driver takes, all take.
import { InputError } from '../../schemas/errors.js';

/** First segment that drivers keep for themselves; no key may start with it and no listing shows it. */
export const RESERVED_SEGMENT = '.assay-tmp';

/** Longest key in UTF-8 bytes (S3's limit, less room for the store's prefix) and longest segment (file systems). */
const MAX_KEY_BYTES = 900;
const MAX_SEGMENT_BYTES = 240;

/**
 * The key itself, when it may name an object.
 * @throws InputError for a leading slash, an empty, `.` or `..` segment, control characters, backslashes, or too long a key
 */
export function validateKey(key: string): string {
  const segments = key.split('/');
  for (const segment of segments) checkSegment(key, segment);
  if (segments[0] === RESERVED_SEGMENT) throw badKey(key, `"${RESERVED_SEGMENT}" is reserved`);
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) throw badKey(key, `more than ${MAX_KEY_BYTES} bytes`);
  return key;
}

/** The prefix itself, when keys may start with it; it may be empty or end within a segment. @throws InputError */
export function validatePrefix(prefix: string): string {
  const segments = prefix.split('/');
  const last = segments.pop() ?? '';
  for (const segment of segments) checkSegment(prefix, segment);
  if (last !== '') checkSegment(prefix, last);
  return prefix;
}

/** The range itself, when offset and length are whole numbers from 0. @throws InputError */
export function validateRange(key: string, offset: number, length: number): void {
  if (Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0) {
    return;
  }
  throw new InputError(
    `Expected offset and length to be whole numbers from 0, found ${offset} and ${length} while reading ${key}; correct the caller.`,
    { key, offset, length },
  );
}

/** Negative, 0 or positive: the order of keys by their UTF-8 bytes, as S3 lists them. */
export function compareKeys(a: string, b: string): number {
  // UTF-16 order equals UTF-8 order unless surrogates meet U+E000 and above.
  for (let i = 0; i < a.length && i < b.length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    return x < 0xd800 && y < 0xd800 ? x - y : Buffer.compare(Buffer.from(a), Buffer.from(b));
  }
  return a.length - b.length;
}

function checkSegment(key: string, segment: string): void {
  if (segment === '') throw badKey(key, 'an empty segment or a slash at an end');
  if (segment === '.' || segment === '..') throw badKey(key, `the segment "${segment}"`);
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f\\]/.test(segment)) throw badKey(key, 'a control character or backslash');
  if (Buffer.byteLength(segment) > MAX_SEGMENT_BYTES) {
    throw badKey(key, `a segment of more than ${MAX_SEGMENT_BYTES} bytes`);
  }
}

function badKey(key: string, found: string): InputError {
  return new InputError(
    `Expected an object key of segments joined by "/", found ${found} in ${JSON.stringify(key)}; rename what the key is made from.`,
    { key },
  );
}
