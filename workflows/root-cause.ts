// What a failure of an activity or a child workflow says at its core.
import { ApplicationFailure, type ActivityFailure, type ChildWorkflowFailure } from '@temporalio/workflow';

/** The innermost failure: what the activity or child itself said. */
export function rootCause(error: unknown): { type: string; message: string } {
  let cause = error as ActivityFailure | ChildWorkflowFailure | ApplicationFailure;
  while (cause.cause instanceof Error) cause = cause.cause as typeof cause;
  const type = cause instanceof ApplicationFailure ? (cause.type ?? 'Error') : cause.name;
  return { type, message: cause.message };
}
