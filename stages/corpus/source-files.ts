// How sources are opened while a run is planned: where relative ones start, how stores are reached, and in which words a file that
// cannot be read is reported.
import { AssayError, DataError, InputError } from '../../schemas/errors.js';
import { passMachineFault } from '../../schemas/system-errors.js';
import type { Part } from '../../schemas/stored.js';
import { linkFault, type LinkFault } from '../../storage/files/link-fault.js';
import { openStore } from '../../storage/objects/open-store.js';
import type { Format } from './formats.js';
import { isRemote, localPartFiles, remotePartFiles, type OpenSource, type PartFile } from './part-files.js';

export interface ListPartsOptions {
  /** Folder from which relative sources start: the run file's. */
  readonly baseFolder: string;
  readonly format: Format | 'auto';
  /** Opens `s3://bucket`; default by the environment. */
  readonly openSource?: OpenSource | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The field that holds ids; a file whose records lack it is named into its digest. Default: every record has one. */
  readonly idField?: string | undefined;
  /** Takes what is to be said of the sources. */
  readonly onNote?: ((note: string) => void) | undefined;
}

/** Files of a part, wherever it lies. */
export function partFiles(part: Part, options: ListPartsOptions): Promise<PartFile[]> {
  if (isRemote(part.location)) return remotePartFiles(part, sourceStore(options), options.signal);
  return readable(part.location, () => localPartFiles(part, part.location));
}

/** Opens stores of sources. */
export function sourceStore(options: ListPartsOptions): OpenSource {
  return options.openSource ?? ((url) => openStore(url));
}

/** Runs a read of the file system; its errors become InputErrors that name the file. */
export async function readable<T>(file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    passMachineFault(error);
    if (error instanceof AssayError && !(error instanceof DataError)) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const fault = await linkFault(file);
    if (fault !== null) throw brokenLink(file, fault, error);
    const found =
      code === 'ENOENT' ? 'found no such file' : code === 'EACCES' || code === 'EPERM' ? 'may not read it' : message;
    throw new InputError(
      `corpus.sources: expected a readable file or folder ${file}, ${found}; correct the path (relative ones start at the run file) or its rights.`,
      { field: 'corpus.sources', file, code },
      { cause: error },
    );
  }
}

function brokenLink(file: string, { target, wrong, remedy }: LinkFault, cause: unknown): InputError {
  return new InputError(
    `corpus.sources: expected links that lead to a file or folder, found the link ${file} to ${target}, ${wrong}; ${remedy}.`,
    { field: 'corpus.sources', file, target },
    { cause },
  );
}
