// Reads compressed bytes as a corpus does, and makes content to compress, for tests.
import { decompress } from '../../../../stages/corpus/compression/decompress.js';
import type { Compression } from '../../../../stages/corpus/formats.js';
import { failureOf } from '../../../harness/failure-of.js';

export async function read(bytes: Uint8Array, compression: Compression, piece = bytes.length): Promise<Buffer> {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += piece) yield await Promise.resolve(bytes.subarray(at, at + piece));
  }
  const found: Uint8Array[] = [];
  for await (const chunk of decompress(pieces(), compression, 'the file')) found.push(Uint8Array.from(chunk));
  return Buffer.concat(found);
}

export const messageOf = async (bytes: Uint8Array, compression: Compression): Promise<string> =>
  (await failureOf(read(bytes, compression))).message;

/** Bytes that look random, always the same. */
export function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** Words in an order that repeats itself only far away. */
export function words(length: number): Buffer {
  const text: string[] = [];
  const random = noise(length / 4);
  for (const byte of random) text.push(`w${(byte * 7) % 61} `);
  return Buffer.from(text.join('')).subarray(0, length);
}
