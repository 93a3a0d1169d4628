// What is said of a compressed file that cannot be read to its end, in the same words for every compression.
import { DataError } from '../../../schemas/errors.js';
import type { Compression } from '../formats.js';

export interface CompressedFile {
  /** As the user knows it. */
  readonly name: string;
  readonly compression: Compression;
}

export function truncatedFile(file: CompressedFile, cause?: unknown): DataError {
  return new DataError(
    `Expected a whole ${file.compression} file, ${file.name} is truncated; copy or compress it again and start the run anew.`,
    { file: file.name, compression: file.compression, truncated: true },
    { cause },
  );
}

/** @param why what was found */
export function damagedFile(file: CompressedFile, why: string, cause?: unknown): DataError {
  return new DataError(
    `Expected a whole ${file.compression} file, ${file.name} is damaged (${why}); copy or compress it again and start the run anew.`,
    { file: file.name, compression: file.compression, truncated: false },
    { cause },
  );
}

/** A sound file that is not read. @param found what it is or needs @param remedy what to do instead */
export function refusedFile({ name, compression }: CompressedFile, found: string, remedy: string): DataError {
  return new DataError(`Expected a ${compression} file that can be read here, ${name} ${found}; ${remedy}.`, {
    file: name,
    compression,
  });
}
