// zstd for everything that is stored, by the one pinned WASM encoder, so that equal content gives equal bytes on every
// machine; must not be replaced by a native encoder.
import * as zstd from '@bokuweb/zstd-wasm';
import { DataError, ResourceError } from '../../schemas/errors.js';

let ready: Promise<void> | null = null;

/** Loads the encoder; every later call waits for the first. */
export function initZstd(): Promise<void> {
  ready ??= zstd.init();
  return ready;
}

/**
 * One zstd frame that holds `bytes`; needs `initZstd` to have finished.
 * @param level compression level 1 … 22
 * @throws ResourceError where the encoder has no memory left
 */
export function zstdCompress(bytes: Uint8Array, level = 1): Uint8Array {
  try {
    return zstd.compress(bytes, level);
  } catch (error) {
    throw new ResourceError(
      `Expected to compress ${bytes.length} bytes with zstd, the encoder failed (${messageOf(error)}); free some memory and try again.`,
      { bytes: bytes.length, level },
    );
  }
}

/**
 * The content of one zstd frame; needs `initZstd` to have finished.
 * @throws DataError where `bytes` is not a whole frame that states its content's size
 */
export function zstdDecompress(bytes: Uint8Array): Uint8Array {
  const size = frameContentBytes(bytes);
  if (size === 0) return new Uint8Array(0);
  try {
    return zstd.decompress(bytes, { defaultHeapSize: size });
  } catch (error) {
    throw damagedFrame(bytes, messageOf(error));
  }
}

const MAGIC = 0xfd2fb528;

/** The content size that a frame's header states (RFC 8878, section 3.1.1.1). */
function frameContentBytes(frame: Uint8Array): number {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < 6 || view.getUint32(0, true) !== MAGIC) {
    throw damagedFrame(frame, 'no zstd frame header');
  }
  const descriptor = view.getUint8(4);
  const singleSegment = (descriptor & 0x20) !== 0;
  const dictionaryIdBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const sizeCode = descriptor >>> 6;
  const at = 5 + (singleSegment ? 0 : 1) + dictionaryIdBytes;
  const sizeBytes = sizeCode === 0 ? (singleSegment ? 1 : 0) : 2 ** sizeCode;
  if (sizeBytes === 0) throw damagedFrame(frame, 'the frame does not state the size of its content');
  if (frame.length < at + sizeBytes) throw damagedFrame(frame, 'the frame ends within its header');
  if (sizeBytes === 1) return view.getUint8(at);
  if (sizeBytes === 2) return view.getUint16(at, true) + 256;
  const low = view.getUint32(at, true);
  return sizeBytes === 4 ? low : low + view.getUint32(at + 4, true) * 2 ** 32;
}

function damagedFrame(frame: Uint8Array, why: string): DataError {
  return new DataError(
    `Expected a whole zstd frame, found ${frame.length} bytes that are none (${why}); run \`assay verify\` to find damaged objects.`,
    { bytes: frame.length },
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
