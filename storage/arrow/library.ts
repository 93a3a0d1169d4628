// The one door to apache-arrow: as CommonJS, because its 150 files then load in half the time that they take as ES modules,
// and with the project's zstd as its codec. Types come from the package itself.
import { createRequire } from 'node:module';
import { initZstd, zstdCompress, zstdDecompress } from './zstd.js';

const load = createRequire(import.meta.url);

export const arrow = load('apache-arrow') as typeof import('apache-arrow');

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
