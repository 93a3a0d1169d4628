// Turns what a driver's system calls throw into the project's errors, each naming operation, key and remedy.
import { AssayError, DataError, InputError, ResourceError, TransientError } from '../../schemas/errors.js';
import { isFailing, isFull, isRefused } from '../../schemas/system-errors.js';

/** What was being done when something failed. */
export interface StoreCall {
  readonly operation: string;
  readonly key: string;
  readonly url: string;
}

/** The error of a read or touch of an object that is not there. */
export function missingObject(call: StoreCall): DataError {
  return new DataError(
    `Expected an object at ${call.key} in ${call.url}, found none (operation: ${call.operation}); run \`assay verify\` on the dataset, then \`assay resume\` to make what is missing.`,
    { ...call },
  );
}

const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EINVAL']);
const SHAPE = new Set(['ENOTDIR', 'EISDIR', 'ELOOP', 'ENAMETOOLONG']);

/** The project's error for a failed file-system call; errors of the project pass through. */
export function fileError(error: unknown, call: StoreCall): unknown {
  if (error instanceof AssayError || !isSystemError(error)) return error;
  const code = error.code;
  const details = { ...call, code };
  const options = { cause: error };
  const seen = `${call.operation} of ${call.key} in ${call.url}`;
  if (isFull(code)) {
    return new ResourceError(
      `Expected room for an object, the disk or quota is full (${code}) during ${seen}; free space there (\`assay gc --apply\`), then go on (a run: \`assay resume\`; else the same command again).`,
      details,
      options,
    );
  }
  if (isRefused(code)) {
    return new ResourceError(
      `Expected to be allowed to read and write the store, access was denied (${code}) during ${seen}; correct owner or mode of the folder, then try again.`,
      details,
      options,
    );
  }
  if (SHAPE.has(code)) {
    return new InputError(
      `Expected folders and files as Assay lays them out, found something else in the way (${code}) during ${seen}; choose an empty folder as store, or move that file away.`,
      details,
      options,
    );
  }
  if (isFailing(code)) {
    return new ResourceError(
      `Expected the file system to answer, it failed (${error.message}) during ${seen}; check the disk and the limits of open files, then try again.`,
      details,
      options,
    );
  }
  if (code === 'ENOENT') {
    return new TransientError(
      `Expected the store's folders to be there and to take files, found none (${error.message}) during ${seen}; see whether somebody removed them and whether the disk is mounted and writable, then try again.`,
      details,
      options,
    );
  }
  return new TransientError(
    `Expected the file system to answer, it failed (${error.message}) during ${seen}; try again.`,
    details,
    options,
  );
}

/** The project's error for a failed link(): a file system without hard links cannot hold a store. */
export function linkError(error: unknown, call: StoreCall): unknown {
  if (!isSystemError(error) || !NO_LINKS.has(error.code)) return fileError(error, call);
  return new ResourceError(
    `Expected a file system with hard links, link() was refused (${error.code}) during ${call.operation} of ${call.key} in ${call.url}; objects could not be created once only there: put the store on another file system (ext4, XFS, APFS, NTFS, NFS) or in S3.`,
    { ...call, code: error.code },
    { cause: error },
  );
}

/** The system's code (`ENOENT` …) of an error, or null. */
export function codeOf(error: unknown): string | null {
  return isSystemError(error) ? error.code : null;
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException & { readonly code: string } {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string';
}
