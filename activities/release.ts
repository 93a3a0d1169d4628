// When work that was told to stop is let go. After a pause, or at the end of a worker, shards in hand may finish; where the run was
// cancelled or its workflow is gone nobody waits for them. Temporal tells an activity of both in the same way, so its workflow is asked.
import { CancelledFailure, Context } from '@temporalio/activity';

/** What is in hand may take this long to finish; together with a heartbeat's answer a cancelled run ends within 10 s. */
export const FINISH_MS = { stopped: 18_000, cancelled: 2_000 } as const;
const ASK_MS = 1000;

/** Aborts `release` some time after `stop` aborted. Returns what ends the waiting. */
export function releaseAfter(
  stop: AbortSignal,
  release: AbortController,
  runIsCancelled: () => Promise<boolean>,
): () => void {
  const timers = new Set<NodeJS.Timeout>();
  const after = (ms: number, act: () => void): void => {
    const timer = setTimeout(act, ms);
    timers.add(timer);
  };
  const letGo = (): void => release.abort(new CancelledFailure('released after a pause or cancellation'));
  const ask = (): void => {
    if (ended || release.signal.aborted) return;
    runIsCancelled()
      // A server that does not answer is asked again; without an answer it counts as a pause.
      .catch(() => false)
      .then((cancelled) => {
        if (ended) return;
        if (cancelled) after(FINISH_MS.cancelled, letGo);
        else after(ASK_MS, ask);
      })
      .catch(() => undefined);
  };
  let ended = false;
  const begin = (): void => {
    after(FINISH_MS.stopped, letGo);
    ask();
  };
  if (stop.aborted) begin();
  else stop.addEventListener('abort', begin, { once: true });
  return () => {
    ended = true;
    stop.removeEventListener('abort', begin);
    for (const timer of timers) clearTimeout(timer);
  };
}

/** Asks whether the workflow that waits for this activity was told to end, or has ended. To be made while the activity runs. */
export function askWhetherCancelled(): () => Promise<boolean> {
  // Whoever aborts a signal has another context.
  const context = Context.current();
  return async () => {
    const { client, info, cancellationSignal } = context;
    const { workflowId, runId } = info.workflowExecution ?? {};
    // Before a cancellation there is only the end of this worker.
    if (!cancellationSignal.aborted || workflowId === undefined) return false;
    const { status, raw } = await client.workflow.getHandle(workflowId, runId).describe();
    return status.name !== 'RUNNING' || raw.workflowExtendedInfo?.cancelRequested === true;
  };
}

/** Rejects `ms` after `signal` aborted, with its reason: who waits for work is let go, whether the work obeys or not. */
export function overdue(signal: AbortSignal, ms: number): { readonly rejected: Promise<never>; end(): void } {
  let timer: NodeJS.Timeout | undefined;
  let begin: () => void = () => undefined;
  const rejected = new Promise<never>((_, reject) => {
    begin = () => {
      timer = setTimeout(() => reject(signal.reason as Error), ms);
    };
    if (signal.aborted) begin();
    else signal.addEventListener('abort', begin, { once: true });
  });
  rejected.catch(() => undefined);
  return {
    rejected,
    end: () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', begin);
    },
  };
}
