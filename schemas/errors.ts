// The four error classes of the project. A message says what was expected, what was found, where, and what to do.

/** Base of all errors that the project raises on purpose; `exitCode` is what the command line returns for it. */
export abstract class AssayError extends Error {
  abstract readonly exitCode: number;
  /** Structured values (file, line, field, site, document, position, key …) for logs and `--json`. */
  readonly details: Record<string, unknown>;
  constructor(message: string, details: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(shortened(message), options);
    this.details = details;
  }
}

/** Longest message: it may quote what a stranger's file holds, and is read by a human. */
const MAX_MESSAGE = 16_000;

function shortened(message: string): string {
  if (message.length <= MAX_MESSAGE) return message;
  const half = MAX_MESSAGE / 2 - 50;
  return `${message.slice(0, half)}… (${message.length} characters in all) …${message.slice(-half)}`;
}

/** What the user gave is wrong (run file, model, arguments); retrying cannot help. Exit code 2. */
export class InputError extends AssayError {
  override readonly name = 'InputError';
  readonly exitCode = 2;
}

/** Data is wrong or damaged (a document, an activation, a stored object). Exit code 1; a shard is quarantined. */
export class DataError extends AssayError {
  override readonly name = 'DataError';
  readonly exitCode = 1;
}

/** Memory, disk, rights or a missing program: someone must change the machine or the store. Exit code 1. */
export class ResourceError extends AssayError {
  override readonly name = 'ResourceError';
  readonly exitCode = 1;
}

/** A service did not answer or broke off; the same call may succeed later. Exit code 3. */
export class TransientError extends AssayError {
  override readonly name = 'TransientError';
  readonly exitCode = 3;
}
