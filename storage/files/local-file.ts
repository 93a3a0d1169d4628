// Whole reads and writes of local files: the system may read or write less than asked, and here that is asked again. Knows no
// store.
import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';

/** The bytes from `at` on, fewer than `length` where the file ends. */
export async function readAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, at + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

/** Appends all chunks; with one call where the system takes them so. */
export async function appendChunks(file: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  if (length === 0) return;
  const { bytesWritten } = await file.writev([...chunks]);
  if (bytesWritten === length) return;
  let skip = bytesWritten;
  for (const chunk of chunks) {
    const from = Math.min(skip, chunk.length);
    skip -= from;
    for (let at = from; at < chunk.length;) at += (await file.write(chunk, at)).bytesWritten;
  }
}

export interface WrittenFile {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** Writes chunks to a file, hashing them. */
export async function writeChunks(path: string, chunks: Iterable<Uint8Array>): Promise<WrittenFile> {
  const hash = createHash('sha256');
  let bytes = 0;
  const file = await open(path, 'w');
  try {
    for (const chunk of chunks) {
      hash.update(chunk);
      bytes += chunk.length;
      await appendChunks(file, [chunk]);
    }
  } finally {
    await file.close();
  }
  return { path, sha256: hash.digest('hex'), bytes };
}
