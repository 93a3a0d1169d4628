// Writes chunks to a local file, hashing them on the way: how every file that is to become a stored object is written.
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

export interface WrittenFile {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** The file with its digest. */
export async function writeChunks(file: string, chunks: readonly Uint8Array[]): Promise<WrittenFile> {
  const hash = createHash('sha256');
  let bytes = 0;
  const handle = await open(file, 'w');
  try {
    for (const chunk of chunks) {
      hash.update(chunk);
      bytes += chunk.length;
      for (let at = 0; at < chunk.length;) at += (await handle.write(chunk, at)).bytesWritten;
    }
  } finally {
    await handle.close();
  }
  return { path: file, sha256: hash.digest('hex'), bytes };
}
