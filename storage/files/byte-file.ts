// A local file as a source of byte ranges, and the inflating of raw deflate data: what the pure readers of foreign containers are
// given. Holds no file open between reads.
import { open, stat } from 'node:fs/promises';
import { inflateRawSync } from 'node:zlib';
import { checkRange, type ByteSource } from '../../core/interop/byte-source.js';
import { DataError } from '../../schemas/errors.js';
import { readAt } from './local-file.js';

/** @throws the system's error where the file cannot be read */
export async function byteFile(path: string): Promise<ByteSource> {
  const { size } = await stat(path);
  return {
    name: path,
    size,
    read: async (from, to) => {
      checkRange({ name: path, size }, from, to);
      const file = await open(path, 'r');
      try {
        const bytes = await readAt(file, from, to - from);
        checkRange({ name: path, size: from + bytes.length }, from, to);
        return bytes;
      } finally {
        await file.close();
      }
    },
  };
}

/** Raw deflate data of a known size. @throws DataError where it is damaged, or larger than it says */
export function inflateRaw(compressed: Uint8Array, size: number): Uint8Array {
  try {
    return inflateRawSync(compressed, { maxOutputLength: Math.max(1, size) });
  } catch (error) {
    throw new DataError(
      `Expected deflate data of ${size} bytes, found that it cannot be inflated (${(error as Error).message}). Copy or make the file anew.`,
      { size },
      { cause: error },
    );
  }
}
