// The decompressed content of a source file, chunk by chunk. Never a whole file in memory.
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Decompress } from 'fzstd';
import { withoutQuotations } from '../../core/text/outgoing.js';
import { AssayError, DataError } from '../../schemas/errors.js';
import { isMachineFault } from '../../schemas/system-errors.js';
import type { Compression } from './formats.js';

const CHUNK_BYTES = 1 << 18;
/** zstd frames may be tiny, and the decoder recurses once per frame in a piece. */
const ZSTD_PIECE_BYTES = 1 << 15;

/**
 * Chunks of the content of `stored`.
 * @param name of the file, as the user knows it
 * @throws DataError where the file cannot be read, is truncated or damaged
 */
export async function* decompress(
  stored: AsyncIterable<Uint8Array>,
  compression: Compression,
  name: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    if (compression === 'gzip') yield* gunzipped(stored);
    else if (compression === 'zstd') yield* unzstd(stored);
    else yield* stored;
  } catch (error) {
    throw readError(error, compression, name);
  }
}

async function* gunzipped(stored: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const source = Readable.from(stored);
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  source.on('error', (error) => gunzip.destroy(error));
  source.pipe(gunzip);
  try {
    yield* gunzip as AsyncIterable<Uint8Array>;
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}

async function* unzstd(stored: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const ready: Uint8Array[] = [];
  const decoder = new Decompress((chunk) => ready.push(chunk));
  for await (const chunk of stored) {
    for (let at = 0; at < chunk.length; at += ZSTD_PIECE_BYTES) {
      // A copy: the decoder keeps what it cannot use yet.
      decoder.push(chunk.slice(at, at + ZSTD_PIECE_BYTES));
      yield* ready.splice(0);
    }
  }
  decoder.push(new Uint8Array(0), true);
  yield* ready.splice(0);
}

function readError(error: unknown, compression: Compression, name: string): unknown {
  if (error instanceof AssayError || isMachineFault(error)) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const details = { file: name, compression, code };
  // zlib names its errors Z_…, the zstd decoder numbers them; other names come from the file system.
  if (typeof code === 'string' && !code.startsWith('Z_')) {
    const text = `Expected to read ${name}, got ${code}; make it readable and resume.`;
    return new DataError(text, details, { cause: error });
  }
  if (compression === 'none') return error;
  const truncated = /unexpected (end of file|EOF)/i.test(message);
  return new DataError(
    `Expected a whole ${compression} file, ${name} is ${truncated ? 'truncated' : `damaged (${withoutQuotations(message)})`}; copy or compress it again and start the run anew.`,
    { ...details, truncated },
    { cause: error },
  );
}
