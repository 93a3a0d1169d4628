// Makes zstd files for tests.
import { initZstd, zstdCompress } from '../../../../storage/arrow/zstd.js';

/** One zstd frame for each piece of 64 KB, as a streaming compressor may write them. */
export async function compressZstd(content: Uint8Array): Promise<Buffer> {
  await initZstd();
  const frames: Uint8Array[] = [];
  for (let at = 0; at < content.length; at += 65_536) {
    frames.push(zstdCompress(new Uint8Array(content.subarray(at, at + 65_536)), 3));
  }
  return Buffer.concat(frames);
}
