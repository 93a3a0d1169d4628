// A suite: its runs in a window, each a child workflow; a run that fails ends no other. Pause, unpause and cancel reach all of them.
import {
  allHandlersFinished,
  CancellationScope,
  ContinueAsNew,
  condition,
  continueAsNew,
  isCancellation,
  ParentClosePolicy,
  setHandler,
  sleep,
  startChild,
  workflowInfo,
  type ChildWorkflowHandle,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { RunInput, SuiteInput, SuiteResult } from '../schemas/messages.js';
import { LIMITS } from '../schemas/orchestration.js';
import { guardThis } from './guard.js';
import { prepareMemberOn, recordEvent } from './options.js';
import { rootCause } from './root-cause.js';
import { runWorkflow } from './run.js';
import { Control, limitsSignal, pauseSignal, progressQuery, unpauseSignal } from './signals.js';
import { catchUp, stateOf, tellAll } from './tell-children.js';

type RunHandle = ChildWorkflowHandle<typeof runWorkflow>;

interface Working {
  readonly input: SuiteInput;
  readonly control: Control;
  readonly runs: Set<RunHandle>;
  readonly counts: { completed: number; failed: number };
}

export async function suiteWorkflow(input: SuiteInput): Promise<SuiteResult> {
  const { ref, members, mode } = input;
  const runs = new Set<RunHandle>();
  const counts = { completed: 0, failed: 0, ...input.counts };
  const working: Working = { input, control: listen(input, runs), runs, counts };
  const { control } = working;
  setHandler(progressQuery, () => ({
    ...{ stage: null, paused: control.paused, reason: control.reason },
    ...{ window: control.window, tolerance: control.tolerance },
    ...{ done: counts.completed, quarantined: counts.failed },
  }));
  let release = (): Promise<void> => Promise.resolve();
  try {
    if (input.from === undefined)
      await recordEvent({
        ref,
        type: 'started',
        data: { members, mode, execution: workflowInfo().firstExecutionRunId },
      });
    release = await guardThis(ref);
    const next = await runWindow(working);
    if (next < members) {
      await release();
      // What signals have begun ends here; their state is taken last.
      await condition(allHandlersFinished);
      const { paused, reason, window } = control;
      await continueAsNew<typeof suiteWorkflow>({ ...input, from: next, counts, paused, reason, parallel: window });
    }
    const { failed } = counts;
    const message = `${failed} of ${members} runs failed`;
    if (failed > 0) await recordEvent({ ref, type: 'failed', data: { message, ...counts } });
    else await recordEvent({ ref, type: 'completed', data: { ...counts } });
    await release();
    return counts;
  } catch (error) {
    if (error instanceof ContinueAsNew) throw error;
    const { type: kind, message } = rootCause(error);
    const event = isCancellation(error)
      ? { type: 'cancelled', data: { ...counts } }
      : { type: 'failed', data: { ...counts, error: kind, message } };
    await CancellationScope.nonCancellable(() => recordEvent({ ref, ...event }).catch(() => undefined));
    await release();
    throw error;
  }
}

/** Takes signals: each becomes an event and is passed on to the runs that are under way. */
function listen({ ref, parallel, paused = false, reason = null }: SuiteInput, runs: ReadonlySet<RunHandle>): Control {
  const all = (): RunHandle[] => [...runs];
  return new Control(
    { window: parallel, tolerance: 0, paused, reason },
    {
      onPause: async (reason) => {
        await recordEvent({ ref, type: 'paused', data: { reason } });
        await tellAll(all(), (run) => run.signal(pauseSignal, reason));
      },
      onUnpause: async () => {
        await recordEvent({ ref, type: 'unpaused', data: {} });
        await tellAll(all(), (run) => run.signal(unpauseSignal));
      },
      onLimits: async ({ window = null, tolerance = null }) => {
        await recordEvent({ ref, type: 'limits', data: { window, tolerance } });
        // The window of a suite is its number of runs; the tolerance is theirs.
        if (tolerance !== null) await tellAll(all(), (run) => run.signal(limitsSignal, { tolerance }));
      },
    },
  );
}

/** Runs members until all are done, or until enough were begun that the history should begin anew. Returns the next one. */
async function runWindow(working: Working): Promise<number> {
  const { input, control } = working;
  const first = input.from ?? 0;
  const last = Math.min(input.members, first + LIMITS.membersPerContinueAsNew);
  let next = first;
  let open = 0;
  try {
    while (next < last || open > 0) {
      while (next < last && !control.paused && open < control.window) {
        const member = next++;
        open++;
        runMember(working, member)
          .catch(() => undefined)
          .finally(() => open--)
          .catch(() => undefined);
      }
      const before = open;
      await condition(() => open < before || (next < last && !control.paused && open < control.window));
    }
  } finally {
    await CancellationScope.nonCancellable(() => condition(() => open === 0));
  }
  return next;
}

async function runMember(working: Working, member: number): Promise<void> {
  const { input, counts } = working;
  const { ref, mode } = input;
  let name: string | null = null;
  try {
    // Longer each time: a run of days would fill the history.
    for (
      let pauseMs: number = LIMITS.memberRetryMs;
      ;
      pauseMs = Math.min(pauseMs * LIMITS.retryGrowth, LIMITS.longestRetryMs)
    ) {
      const prepared = await prepareMemberOn(input.hostQueue)({ ref, member, mode });
      name = prepared.run;
      if (!prepared.input) break;
      if (await runOnce(working, prepared.input)) break;
      // Somebody else runs it: what is left is asked again when that may have ended.
      await sleep(pauseMs);
    }
    counts.completed++;
  } catch (error) {
    if (isCancellation(error) && CancellationScope.current().consideredCancelled) throw error;
    counts.failed++;
    const { type, message, details } = rootCause(error);
    const data = { member, run: name, error: type, message, details };
    await CancellationScope.nonCancellable(() =>
      recordEvent({ ref, type: 'member-failed', data }).catch(() => undefined),
    );
  }
}

/** Whether the run was started here and has ended well. @throws its failure */
async function runOnce({ input, control, runs }: Working, run: RunInput): Promise<boolean> {
  let handle: RunHandle;
  const { tolerance } = control;
  try {
    handle = await startChild(runWorkflow, {
      workflowId: `run/${input.storeId}/${run.ref.run}`,
      args: [run],
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
    });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
  runs.add(handle);
  const now = stateOf(control);
  await catchUp(handle, { ...now, tolerance, paused: false }, now);
  try {
    await handle.result();
    return true;
  } finally {
    runs.delete(handle);
  }
}
