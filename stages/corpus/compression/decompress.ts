// The decompressed content of a source file, chunk by chunk. Never a whole file in memory. Whatever a compressed file states of
// itself (checksums, sizes, windows) is checked; what is not sound to its last byte is refused.
import { AssayError, DataError } from '../../../schemas/errors.js';
import { isMachineFault } from '../../../schemas/system-errors.js';
import type { Compression } from '../formats.js';
import { GzipReader } from './gzip-reader.js';
import { ZstdReader } from './zstd-reader.js';

/** Compressed bytes whose content is made at once. */
const ZSTD_PIECE_BYTES = 1 << 15;

/**
 * Chunks of the content of `stored`; none where there are no bytes at all.
 * @param name of the file, as the user knows it
 * @throws DataError where the file cannot be read, is truncated, damaged or needs more memory than is given
 */
export async function* decompress(
  stored: AsyncIterable<Uint8Array>,
  compression: Compression,
  name: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    if (compression === 'gzip') yield* gunzipped(stored, name);
    else if (compression === 'zstd') yield* unzstd(stored, name);
    else yield* stored;
  } catch (error) {
    throw readError(error, compression, name);
  }
}

async function* gunzipped(
  stored: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = new GzipReader(name);
  try {
    for await (const chunk of stored) yield* reader.push(chunk);
    reader.finish();
  } finally {
    reader.close();
  }
}

async function* unzstd(stored: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = new ZstdReader(name);
  for await (const chunk of stored) {
    for (let at = 0; at < chunk.length; at += ZSTD_PIECE_BYTES) {
      yield* reader.push(chunk.subarray(at, at + ZSTD_PIECE_BYTES));
    }
  }
  reader.finish();
}

function readError(error: unknown, compression: Compression, name: string): unknown {
  if (error instanceof AssayError || isMachineFault(error)) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (typeof code !== 'string') return error;
  const text = `Expected to read ${name}, got ${code}; make it readable and resume.`;
  return new DataError(text, { file: name, compression, code }, { cause: error });
}
