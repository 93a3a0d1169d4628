// Errors of the machine (a full disk, too few open files, no memory), told apart from errors of the data: no shard is to blame for
// them, so they never quarantine one. Knows codes and words alone.
import { type AssayError, ResourceError, TransientError } from './errors.js';

/** No room: the disk, a quota, or the largest file that a process may write. */
const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const REFUSED: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS']);
/** The machine fails or has run out of something. */
const MACHINE: ReadonlySet<string> = new Set([
  ...['EIO', 'EMFILE', 'ENFILE', 'ENOMEM', 'ENODEV', 'ENXIO', 'ENOBUFS', 'ENOLCK', 'EUCLEAN'],
]);
/** The machine is busy, or a network file system was away for a moment. */
const BUSY: ReadonlySet<string> = new Set(['EAGAIN', 'EBUSY', 'ESTALE', 'EREMOTEIO', 'ENOLINK']);
const NETWORK = /^(ECONN\w+|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_\w+|E(NET|HOST)UNREACH|ENETDOWN|EADDRNOTAVAIL)$/;
/** What JavaScript says where memory runs out. */
const NO_MEMORY = /^array buffer allocation failed|out of memory/i;

/** An error of the system: `code` is its name there. */
export type SystemError = NodeJS.ErrnoException & { readonly code: string };

/** Whether the operating system gave it a code (`ENOSPC` …); Node's own codes (`ERR_…`) and zlib's are none. */
export function isSystemError(error: unknown): error is SystemError {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' && /^E[A-Z0-9_]+$/.test(code) && !code.startsWith('ERR_');
}

/** Whether a code says that there is no room. */
export function isFull(code: string): boolean {
  return FULL.has(code);
}

/** Whether a code says that a right is missing. */
export function isRefused(code: string): boolean {
  return REFUSED.has(code);
}

/** Whether the machine is to blame, not what was read: a full disk, a failing one, too few handles, no memory. */
export function isMachineFault(error: unknown): boolean {
  if (isSystemError(error)) return [FULL, MACHINE, BUSY].some((codes) => codes.has(error.code));
  return error instanceof Error && isOutOfMemory(error);
}

/** Throws on what the machine is to blame for: what a user gave is not wrong because it could not be read now. */
export function passMachineFault(error: unknown): void {
  if (isMachineFault(error)) throw error;
}

/** Whether a code is of a machine that fails. */
export function isFailing(code: string): boolean {
  return MACHINE.has(code);
}

function isOutOfMemory(error: Error): boolean {
  return (error as NodeJS.ErrnoException).code === 'ERR_MEMORY_ALLOCATION_FAILED' || NO_MEMORY.test(error.message);
}

/** The project's error for one of the system, its code among the details; null for any other. */
export function systemError(error: unknown): AssayError | null {
  if (error instanceof Error && !isSystemError(error)) return isOutOfMemory(error) ? noMemory(error) : null;
  if (!isSystemError(error)) return null;
  const { code, syscall, path } = error;
  const details = { code, ...(syscall !== undefined && { syscall }), ...(path !== undefined && { path }) };
  const options = { cause: error };
  const seen = `${syscall ?? 'a call of the system'}${path === undefined ? '' : ` of ${path}`}`;
  if (code === 'EFBIG') {
    const text = `Expected to write a file, it is larger than this process may write (EFBIG) during ${seen}; raise the limit (\`ulimit -f\`), then \`assay resume\`.`;
    return new ResourceError(text, details, options);
  }
  if (FULL.has(code)) {
    const text = `Expected room on the disk, the disk or its quota is full (${code}) during ${seen}; free space on the disk of the worker's folder (spool and cache), then \`assay resume\`.`;
    return new ResourceError(text, details, options);
  }
  if (REFUSED.has(code)) {
    const text = `Expected to be allowed to read and write, access was denied (${code}) during ${seen}; correct owner or mode, then \`assay resume\`.`;
    return new ResourceError(text, details, options);
  }
  if (NETWORK.test(code))
    return new TransientError(`Expected an answer, the connection failed (${code}) during ${seen}.`, details, options);
  const text = `Expected the system to do its work, it failed (${code}) during ${seen}; check the disk, the memory and the limit of open files (\`ulimit -n\`), then \`assay resume\`.`;
  return new ResourceError(text, details, options);
}

function noMemory(error: Error): ResourceError {
  return new ResourceError(
    `Expected enough memory, a process could not get it (${error.message}); give the worker fewer --slots or a machine with more memory, then \`assay resume\`.`,
    { code: 'ENOMEM' },
    { cause: error },
  );
}
