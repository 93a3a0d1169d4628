// Errors across the border of a process: class, message, details and the system's code survive, so that a DataError stays a
// DataError and a full disk stays a full disk. What nobody foresaw is no error of the data.
import { withoutQuotations } from '../../core/text/outgoing.js';
import { AssayError, DataError, InputError, ResourceError, TransientError } from '../../schemas/errors.js';
import { systemError } from '../../schemas/system-errors.js';
import type { WireError } from './protocol.js';

const CLASSES = { InputError, DataError, ResourceError, TransientError } as const;

export function encodeError(thrown: unknown): WireError {
  const error = systemError(thrown) ?? thrown;
  if (error instanceof AssayError) {
    return { name: error.name, message: error.message, details: error.details, stack: error.stack };
  }
  if (error instanceof Error) {
    const { code } = error as NodeJS.ErrnoException;
    const details = typeof code === 'string' ? { code } : {};
    return { name: error.name, message: error.message, details, stack: error.stack };
  }
  return { name: 'Error', message: String(error), details: {} };
}

/**
 * The error that was encoded. An unknown class becomes a ResourceError that names it: it is tried again, on any worker, and ends
 * the run with its reason if it stays; it never quarantines a shard, because nothing says that the shard is to blame.
 */
export function decodeError(wire: WireError): AssayError {
  const known = CLASSES[wire.name as keyof typeof CLASSES] as
    (new (message: string, details?: Record<string, unknown>) => AssayError) | undefined;
  const error = known ? new known(wire.message, wire.details) : unexpected(wire);
  if (wire.stack !== undefined) error.stack = wire.stack;
  return error;
}

function unexpected({ name, message, details }: WireError): ResourceError {
  return new ResourceError(
    `Expected the compute child to do its task, it failed with an error that nobody foresaw (${name}: ${withoutQuotations(message)}). No shard is quarantined for it. If it stays after another try, look at the worker's log and its installation, and report it; then \`assay resume\`.`,
    { ...details, unexpected: name },
  );
}
