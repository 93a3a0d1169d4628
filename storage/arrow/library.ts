// The one door to apache-arrow, with the project's zstd as its codec. Types come from the package itself.
import { arrow } from './package.js';
import { initZstd, zstdCompress, zstdDecompress } from './zstd.js';

export { arrow };

let ready: Promise<void> | null = null;

/** Loads our zstd and registers it as the library's codec, which is tried at once; every later call waits for the first. */
export function initArrow(): Promise<void> {
  ready ??= initZstd().then(() => {
    arrow.compressionRegistry.set(arrow.CompressionType.ZSTD, {
      encode: (data) => zstdCompress(data),
      decode: (data) => zstdDecompress(data),
    });
  });
  return ready;
}
