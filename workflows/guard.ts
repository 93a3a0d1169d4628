// Tells the end of a run or a suite whose workflow is ended from outside: a terminated workflow can tell nothing itself. A guard is a small child
// that Temporal asks to end when its parent closes for whatever reason; a run that ends by itself releases it first.
import {
  CancellationScope,
  condition,
  defineSignal,
  isCancellation,
  ParentClosePolicy,
  patched,
  setHandler,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { RunRef } from '../schemas/messages.js';
import { recordEvent } from './options.js';

const releaseSignal = defineSignal('releaseGuard');

export interface GuardInput {
  readonly ref: RunRef;
  /** First execution of the guarded workflow. */
  readonly execution: string;
}

export async function guardWorkflow({ ref, execution }: GuardInput): Promise<void> {
  const guard = { released: false };
  setHandler(releaseSignal, () => {
    guard.released = true;
  });
  try {
    await condition(() => guard.released);
  } catch (error) {
    if (!isCancellation(error)) throw error;
    // Where a busy worker takes it only now, the release and the end of the parent's history come at once: nobody ended anything.
    if (guard.released) return;
    const message = 'its workflow was terminated from outside';
    const data = { error: 'Terminated', message };
    await CancellationScope.nonCancellable(() => recordEvent({ ref, type: 'failed', data, onlyIfOpen: execution }));
  }
}

/** Starts the guard of this workflow; what it returns is to be called when the workflow has told its end. */
export async function guardThis(ref: RunRef): Promise<() => Promise<void>> {
  // Runs that earlier releases began have none.
  if (!patched('guard')) return () => Promise.resolve();
  const { workflowId, runId, firstExecutionRunId: execution } = workflowInfo();
  // A cancellation of the run is told by the run.
  return CancellationScope.nonCancellable(async () => {
    const guard = await startChild(guardWorkflow, {
      // A history that is begun anew has a guard of its own.
      workflowId: `${workflowId}/guard/${runId}`,
      args: [{ ref, execution }],
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
    });
    return () =>
      CancellationScope.nonCancellable(async () => {
        // One that somebody ended needs no release.
        await guard.signal(releaseSignal).catch(() => undefined);
      });
  });
}
