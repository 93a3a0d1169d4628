// Bytes of one source file wherever it lies: a local file or an object of a store. Reads in pieces, never all at once.
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { DataError } from '../../schemas/errors.js';
import { readInto } from '../../storage/files/local-file.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';

export interface StoredBytes {
  readonly size: number;
  /** The whole content in pieces, from the start. */
  chunks(): AsyncIterable<Uint8Array>;
  /** Bytes start … end − 1. */
  slice(start: number, end?: number): Promise<ArrayBuffer>;
}

const FILE_CHUNK_BYTES = 1 << 18;
const OBJECT_CHUNK_BYTES = 1 << 23;

/** A local file. Rejects with the system's error where there is none. */
export async function localBytes(path: string): Promise<StoredBytes> {
  const { size } = await stat(path);
  return {
    size,
    chunks: () => createReadStream(path, { highWaterMark: FILE_CHUNK_BYTES }) as AsyncIterable<Uint8Array>,
    slice: async (start, end = size) => {
      const handle = await open(path);
      try {
        const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - start));
        const filled = await readInto(handle, bytes, start);
        if (filled === bytes.length) return bytes.buffer;
        throw new DataError(
          `Expected ${bytes.length} bytes of ${path} from byte ${start} on, found ${filled}; the file was cut short while it was read, put it back and resume.`,
          { file: path, start, expected: bytes.length, found: filled },
        );
      } finally {
        await handle.close();
      }
    },
  };
}

/** An object of a store. */
export function objectBytes(
  store: ObjectStore,
  object: { readonly key: string; readonly bytes: number },
  signal?: AbortSignal,
): StoredBytes {
  const { key, bytes: size } = object;
  const range = (start: number, end: number): Promise<Uint8Array> =>
    store.getRange(key, start, Math.max(0, Math.min(end, size) - start), { signal });
  return {
    size,
    async *chunks() {
      for (let at = 0; at < size; at += OBJECT_CHUNK_BYTES) yield await range(at, at + OBJECT_CHUNK_BYTES);
    },
    slice: async (start, end = size) => new Uint8Array(await range(start, end)).buffer,
  };
}
