// The error that a call ends with, for tests that look at its class, text and details.
import { AssayError } from '../../schemas/errors.js';

/** The project's error that `promise` rejects with; fails when it does not, or with another kind of error. */
export async function failureOf(promise: Promise<unknown>): Promise<AssayError> {
  const outcome: unknown = await promise.then(
    (value) => ({ value }),
    (reason: unknown) => reason,
  );
  if (outcome instanceof AssayError) return outcome;
  if (outcome instanceof Error) throw outcome;
  throw new Error(`expected a failure, found ${JSON.stringify(outcome)}`);
}
