// Whole reads and writes of local files of any size: the system may read or write less than asked, and takes less than 2 GiB at
// once, as hashes do; here that is asked again, in pieces. Knows no store.
import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';

/** Bytes of one call of the system, or of one update of a hash. */
const PIECE_BYTES = 2 ** 26;

/** Fills the bytes from `at` on. @returns how many were read: fewer where the file ends */
export async function readInto(file: FileHandle, bytes: Uint8Array, at: number): Promise<number> {
  let filled = 0;
  while (filled < bytes.length) {
    const wanted = Math.min(PIECE_BYTES, bytes.length - filled);
    const { bytesRead } = await file.read(bytes, filled, wanted, at + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

/** The bytes from `at` on, fewer than `length` where the file ends. */
export async function readAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  return bytes.subarray(0, await readInto(file, bytes, at));
}

/** Bytes in pieces that the system and hashes take at once; views, no copies. */
export function* piecesOf(bytes: Uint8Array): Generator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}

/** Appends all chunks; with one call where the system takes them so. */
export async function appendChunks(file: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  if (length === 0) return;
  if (length > PIECE_BYTES) return appendPieces(file, chunks);
  const { bytesWritten } = await file.writev([...chunks]);
  if (bytesWritten === length) return;
  let skip = bytesWritten;
  for (const chunk of chunks) {
    const from = Math.min(skip, chunk.length);
    skip -= from;
    for (let at = from; at < chunk.length;) at += (await file.write(chunk, at)).bytesWritten;
  }
}

async function appendPieces(file: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  for (const chunk of chunks) {
    for (const piece of piecesOf(chunk)) {
      for (let at = 0; at < piece.length;) at += (await file.write(piece, at)).bytesWritten;
    }
  }
}

export interface WrittenFile {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** Writes chunks to a file, hashing them. */
export async function writeChunks(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<WrittenFile> {
  const hash = createHash('sha256');
  let bytes = 0;
  const file = await open(path, 'w');
  try {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      for (const piece of piecesOf(chunk)) {
        hash.update(piece);
        await appendChunks(file, [piece]);
      }
    }
  } finally {
    await file.close();
  }
  return { path, sha256: hash.digest('hex'), bytes };
}
