// The project's errors as Temporal failures: the class is the failure type, so that retry tables can name it; values travel as details.
import { ApplicationFailure, CancelledFailure } from '@temporalio/activity';
import { replacedBuild } from '../runtime/replaced-build.js';
import { AssayError, ResourceError, TransientError } from '../schemas/errors.js';
import { systemError } from '../schemas/system-errors.js';

/** Attempts after which a full disk, a missing right or the like ends the run. */
const RESOURCE_ATTEMPTS = 5;

export function toFailure(thrown: unknown, attempt: number): Error {
  const error = replacedBuild(thrown) ?? systemError(thrown) ?? thrown;
  if (error instanceof CancelledFailure || error instanceof ApplicationFailure) return error;
  if (!(error instanceof AssayError)) {
    const unexpected = error instanceof Error ? error : new TransientError(String(error));
    return ApplicationFailure.create({
      message: unexpected.message,
      type: unexpected.name,
      cause: unexpected,
      nonRetryable: attempt >= RESOURCE_ATTEMPTS,
    });
  }
  const nonRetryable =
    !(error instanceof TransientError) && !(error instanceof ResourceError && attempt < RESOURCE_ATTEMPTS);
  return ApplicationFailure.create({
    message: error.message,
    type: error.name,
    nonRetryable,
    details: [error.details],
    cause: error,
  });
}
