// Errors across the border of a process: class, message and details survive, so that a DataError stays a DataError.
import { AssayError, DataError, InputError, ResourceError, TransientError } from '../../schemas/errors.js';
import type { WireError } from './protocol.js';

const CLASSES = { InputError, DataError, ResourceError, TransientError } as const;

export function encodeError(error: unknown): WireError {
  if (error instanceof AssayError) {
    return { name: error.name, message: error.message, details: error.details, stack: error.stack };
  }
  if (error instanceof Error) {
    return { name: error.name, message: error.message, details: {}, stack: error.stack };
  }
  return { name: 'Error', message: String(error), details: {} };
}

/** The error that was encoded; an unknown class becomes a DataError that names it, so that the shard in hand is judged, not the worker. */
export function decodeError(wire: WireError): AssayError {
  const known = CLASSES[wire.name as keyof typeof CLASSES] as
    (new (message: string, details?: Record<string, unknown>) => AssayError) | undefined;
  const error = known
    ? new known(wire.message, wire.details)
    : new DataError(`${wire.name} in the compute child: ${wire.message}`, wire.details);
  if (wire.stack !== undefined) error.stack = wire.stack;
  return error;
}
