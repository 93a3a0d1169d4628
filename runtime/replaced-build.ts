// A process whose program files a newer build has replaced: it cannot load what it had not loaded before.
import { ResourceError } from '../schemas/errors.js';

/** That error in words with the remedy; null for any other. */
export function replacedBuild(error: unknown): ResourceError | null {
  if (!(error instanceof Error) || (error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') return null;
  if (!/[\\/]dist[\\/]/.test(error.message)) return null;
  return new ResourceError(
    `Expected the program files with which process ${process.pid} started, found that a newer build has replaced them; start the process anew (workers: \`assay down\`, then \`assay up\`), and go on with \`assay resume\`. What is committed stays.`,
    { pid: process.pid },
    { cause: error },
  );
}
