// The project's errors as Temporal failures: the class is the failure type, so that retry tables can name it; values travel as details.
// Nothing that leaves here holds a document's text or has no bound: a history keeps it.
import { ApplicationFailure, CancelledFailure } from '@temporalio/activity';
import { outgoingError } from '../core/text/outgoing.js';
import { replacedBuild } from '../runtime/replaced-build.js';
import { AssayError, ResourceError, TransientError } from '../schemas/errors.js';
import { systemError } from '../schemas/system-errors.js';

/** Attempts after which a full disk, a missing right or the like ends the run. */
const RESOURCE_ATTEMPTS = 5;

export function toFailure(thrown: unknown, attempt: number): Error {
  const error = replacedBuild(thrown) ?? systemError(thrown) ?? thrown;
  if (error instanceof CancelledFailure || error instanceof ApplicationFailure) return error;
  const { name, message, details, stack } = outgoingError(error);
  // No cause: it would go into the history as it is, message and stack.
  const failure = ApplicationFailure.create({
    message,
    type: name,
    nonRetryable: isFinal(error, attempt),
    ...(Object.keys(details).length > 0 && { details: [details] }),
  });
  failure.stack = `${name}\n${stack}`;
  return failure;
}

function isFinal(error: unknown, attempt: number): boolean {
  if (error instanceof TransientError) return false;
  if (error instanceof AssayError && !(error instanceof ResourceError)) return true;
  return attempt >= RESOURCE_ATTEMPTS;
}
