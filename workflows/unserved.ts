// What becomes of work that nobody takes: it ends with the name of the queue that nobody serves, instead of waiting for ever.
import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';

/** Whether an activity ended because nobody took it in time. */
export function wasNeverTaken(error: unknown): boolean {
  return (
    error instanceof ActivityFailure &&
    error.cause instanceof TimeoutFailure &&
    error.cause.timeoutType === 'SCHEDULE_TO_START'
  );
}

/** The failure of a run whose queue nobody serves. */
export function unservedFailure(queue: string): ApplicationFailure {
  const message = `Nobody serves the queue ${queue}: no worker took what waits there. Start one that does (docs/operations.md, Workers), then go on with \`assay resume\`.`;
  return ApplicationFailure.nonRetryable(message, 'ResourceError');
}

/** What the activity answers. @throws a failure that names the queue where nobody took it in time */
export async function namesQueue<Answer>(queue: string, answer: Promise<Answer>): Promise<Answer> {
  try {
    return await answer;
  } catch (error) {
    throw wasNeverTaken(error) ? unservedFailure(queue) : error;
  }
}
