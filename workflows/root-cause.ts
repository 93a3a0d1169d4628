// What a failure of an activity or a child workflow says at its core.
import { ApplicationFailure } from '@temporalio/workflow';

/** The innermost failure that an activity or a child gave a class: what it itself said, not what lay beneath. */
export function rootCause(error: unknown): { type: string; message: string } {
  let found: { type: string; message: string } | null = null;
  let last = error;
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    last = cause;
    if (cause instanceof ApplicationFailure && typeof cause.type === 'string' && cause.type !== '')
      found = { type: cause.type, message: cause.message };
  }
  const { name, message } = last instanceof Error ? last : new ApplicationFailure(String(last));
  return found ?? { type: name, message };
}
