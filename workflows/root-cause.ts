// What a failure of an activity or a child workflow says at its core.
import { ApplicationFailure } from '@temporalio/workflow';

export interface RootCause {
  readonly type: string;
  readonly message: string;
  /** The values that it names (key, path, code …); empty where there are none. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** The innermost failure that an activity or a child gave a class: what it itself said, not what lay beneath. */
export function rootCause(error: unknown): RootCause {
  let found: RootCause | null = null;
  let last = error;
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    last = cause;
    if (cause instanceof ApplicationFailure && typeof cause.type === 'string' && cause.type !== '')
      found = { type: cause.type, message: cause.message, details: detailsOf(cause) };
  }
  const { name, message } = last instanceof Error ? last : new ApplicationFailure(String(last));
  return found ?? { type: name, message, details: {} };
}

function detailsOf({ details }: ApplicationFailure): RootCause['details'] {
  const first: unknown = details?.[0];
  return typeof first === 'object' && first !== null && !Array.isArray(first) ? (first as RootCause['details']) : {};
}
