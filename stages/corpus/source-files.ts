// How sources are opened while a run is planned: where relative ones start, how stores are reached, and in which words a file that
// cannot be read is reported.
import { readlink, stat } from 'node:fs/promises';
import { AssayError, DataError, InputError } from '../../schemas/errors.js';
import { passMachineFault } from '../../schemas/system-errors.js';
import type { Part } from '../../schemas/stored.js';
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

/** What is wrong with a link that leads nowhere, and what helps, by the system's code. */
const LINK_FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'where nothing is; put the target there, or remove the link',
  ELOOP: 'which leads in a circle; correct the link, or remove it',
};

interface LinkFault {
  readonly target: string;
  readonly why: string;
}

/** Null for what is no link, or one that leads somewhere. */
async function linkFault(file: string): Promise<LinkFault | null> {
  const code = await stat(file).then(
    () => null,
    (error: unknown) => (error as NodeJS.ErrnoException).code,
  );
  const why = LINK_FAULTS[code ?? ''];
  const target = why === undefined ? null : await readlink(file).catch(() => null);
  return why === undefined || target === null ? null : { target, why };
}

function brokenLink(file: string, { target, why }: LinkFault, cause: unknown): InputError {
  return new InputError(
    `corpus.sources: expected links that lead to a file or folder, found the link ${file} to ${target}, ${why}.`,
    { field: 'corpus.sources', file, target },
    { cause },
  );
}
