// What a schedule starts: resolves the run for the scheduled (not the wall) time and starts it as a child.
import { executeChild, ParentClosePolicy, workflowInfo } from '@temporalio/workflow';
import type { RunResult, ScheduledInput } from '../schemas/messages.js';
import { prepareOn } from './options.js';
import { runWorkflow } from './run.js';

export async function scheduledRun(input: ScheduledInput): Promise<RunResult | null> {
  const scheduledMs = scheduledTime().getTime();
  const prepared = await prepareOn(input.hostQueue)({ schedule: input, scheduledMs });
  if (prepared === null) return null;
  const { ref } = prepared;
  return executeChild(runWorkflow, {
    workflowId: `run/${input.storeId}/${ref.run}`,
    args: [prepared],
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
  });
}

/** Temporal sets this attribute on workflows that a schedule (or its backfill) starts. */
function scheduledTime(): Date {
  const attribute = workflowInfo()
    .typedSearchAttributes.getAll()
    .find((pair) => pair.key.name === 'TemporalScheduledStartTime');
  return attribute?.value instanceof Date ? attribute.value : workflowInfo().startTime;
}
