// Bytes that are read by ranges, wherever they lie: what the readers of containers work on, so that no file need be held as a whole.
// Opens nothing itself.
import { DataError } from '../../schemas/errors.js';

export interface ByteSource {
  /** What messages call it. */
  readonly name: string;
  readonly size: number;
  /** The bytes [from, to). @throws DataError where it ends before */
  read(from: number, to: number): Promise<Uint8Array>;
}

/** Bytes that are in memory. */
export function memorySource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    size: bytes.length,
    read: (from, to) => {
      checkRange({ name, size: bytes.length }, from, to);
      return Promise.resolve(bytes.subarray(from, to));
    },
  };
}

/** A range of another source. */
export function sliceSource(
  of: ByteSource,
  name: string,
  range: { readonly from: number; readonly to: number },
): ByteSource {
  const size = range.to - range.from;
  checkRange(of, range.from, range.to);
  return {
    name,
    size,
    read: (from, to) => {
      checkRange({ name, size }, from, to);
      return of.read(range.from + from, range.from + to);
    },
  };
}

/** @throws DataError where a range does not lie within a source */
export function checkRange({ name, size }: Pick<ByteSource, 'name' | 'size'>, from: number, to: number): void {
  if (from >= 0 && from <= to && to <= size) return;
  throw new DataError(
    `Expected the bytes ${from} to ${to} in ${name}, found that it has ${size}; the file was cut short or is damaged: copy or make it anew.`,
    { file: name, from, to, size },
  );
}
