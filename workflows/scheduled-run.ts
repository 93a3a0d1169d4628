// What a schedule starts: resolves the run for the scheduled (not the wall) time and starts it as a child.
import { ParentClosePolicy, sleep, startChild, workflowInfo, type ChildWorkflowHandle } from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { RunInput, RunResult, ScheduledInput } from '../schemas/messages.js';
import { LIMITS } from '../schemas/orchestration.js';
import { prepareOn } from './options.js';
import { runWorkflow } from './run.js';

/** The run's result; null where its work was done already, or by the run of that name that was active: that one is joined. */
export async function scheduledRun(input: ScheduledInput): Promise<RunResult | null> {
  const scheduledMs = scheduledTime().getTime();
  for (
    let pauseMs: number = LIMITS.memberRetryMs;
    ;
    pauseMs = Math.min(pauseMs * LIMITS.retryGrowth, LIMITS.longestRetryMs)
  ) {
    const prepared = await prepareOn(input.hostQueue)({ schedule: input, scheduledMs });
    if (prepared === null) return null;
    const run = await startRun(input.storeId, prepared);
    if (run !== null) return run.result();
    // Somebody else runs it. What it leaves undone is asked again when it may have ended.
    await sleep(pauseMs);
  }
}

/** Null where a run of that name is active. */
async function startRun(storeId: string, run: RunInput): Promise<ChildWorkflowHandle<typeof runWorkflow> | null> {
  try {
    return await startChild(runWorkflow, {
      workflowId: `run/${storeId}/${run.ref.run}`,
      args: [run],
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
    });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return null;
    throw error;
  }
}

/** Temporal sets this attribute on workflows that a schedule (or its backfill) starts. */
function scheduledTime(): Date {
  const attribute = workflowInfo()
    .typedSearchAttributes.getAll()
    .find((pair) => pair.key.name === 'TemporalScheduledStartTime');
  return attribute?.value instanceof Date ? attribute.value : workflowInfo().startTime;
}
