// One run: its stages in order, each a child workflow; pause, unpause and limits are passed on; the outcome becomes a stored event.
import {
  ApplicationFailure,
  CancellationScope,
  type ChildWorkflowHandle,
  isCancellation,
  setHandler,
  startChild,
  upsertSearchAttributes,
  workflowInfo,
  type ActivityFailure,
  type ChildWorkflowFailure,
} from '@temporalio/workflow';
import type { RunInput, RunResult, StageFinished } from '../schemas/messages.js';
import { defineSearchAttributeKey } from '@temporalio/common';
import { SEARCH_ATTRIBUTES } from '../schemas/orchestration.js';
import type { RunStage, StageName } from '../schemas/stages.js';
import { planStage, publishStage, recordEvent } from './options.js';
import { Control, limitsSignal, pauseSignal, progressQuery, unpauseSignal } from './signals.js';
import { stageWorkflow } from './stage.js';

const RUN = defineSearchAttributeKey(SEARCH_ATTRIBUTES.run, 'KEYWORD');
const STAGE = defineSearchAttributeKey(SEARCH_ATTRIBUTES.stage, 'KEYWORD');

/** What a run workflow is doing; signals and queries see it. */
interface Running {
  readonly input: RunInput;
  readonly control: Control;
  readonly current: Current;
  readonly total: { done: number; quarantined: number; different: number };
}

interface Current {
  stage: StageName | null;
  child: ChildWorkflowHandle<typeof stageWorkflow> | null;
}

export async function runWorkflow(input: RunInput): Promise<RunResult> {
  const { ref, stages, mode } = input;
  const current: Current = { stage: null, child: null };
  const total = { done: 0, quarantined: 0, different: 0 };
  const running: Running = { input, control: listen(input, current), current, total };
  answerQueries(running);
  try {
    await recordEvent({
      ref,
      type: 'started',
      data: { stages, mode, workflow: workflowInfo().workflowId },
    });
    for (const stage of stages) {
      await running.control.untilUnpaused();
      await runStage(running, stage);
    }
    await recordEvent({ ref, type: 'completed', data: { ...total } });
    return total;
  } catch (error) {
    const type = isCancellation(error) ? 'cancelled' : 'failed';
    const cause = rootCause(error);
    const data = { stage: current.stage, error: cause.type, message: cause.message };
    await CancellationScope.nonCancellable(() => recordEvent({ ref, type, data }));
    if (type === 'cancelled') throw error;
    throw ApplicationFailure.nonRetryable(cause.message, cause.type);
  }
}

/** Takes signals: each becomes an event and is passed on to the stage that runs. */
function listen(input: RunInput, current: Current): Control {
  const { ref } = input;
  const pass = async (send: (child: ChildWorkflowHandle<typeof stageWorkflow>) => Promise<void>): Promise<void> => {
    // A stage that has just ended cannot be signalled; the next one starts with the state of this workflow.
    if (current.child) await send(current.child).catch(() => undefined);
  };
  return new Control(input, {
    onPause: async (reason) => {
      await recordEvent({ ref, type: 'paused', data: { stage: current.stage, reason } });
      await pass((child) => child.signal(pauseSignal, reason));
    },
    onUnpause: async () => {
      await recordEvent({ ref, type: 'unpaused', data: { stage: current.stage } });
      await pass((child) => child.signal(unpauseSignal));
    },
    onLimits: async (limits) => {
      await recordEvent({
        ref,
        type: 'limits',
        data: { window: limits.window ?? null, tolerance: limits.tolerance ?? null },
      });
      await pass((child) => child.signal(limitsSignal, limits));
    },
  });
}

function answerQueries({ control, current, total }: Running): void {
  setHandler(progressQuery, () => ({
    ...total,
    stage: current.stage,
    paused: control.paused,
    reason: control.reason,
    window: control.window,
    tolerance: control.tolerance,
  }));
}

async function runStage(running: Running, stage: RunStage): Promise<void> {
  const { input, control, current, total } = running;
  const { ref, mode } = input;
  current.stage = stage;
  // Also the name: runs that a schedule starts have no client to set it.
  upsertSearchAttributes([
    { key: RUN, value: ref.run },
    { key: STAGE, value: stage },
  ]);
  const planned = await planStage({ ref, stage, mode });
  const { items, lots, manifest } = planned;
  await recordEvent({
    ref,
    type: 'stage-started',
    data: { stage, items, planned: planned.planned, lots },
  });
  if (lots > 0) {
    const { window, tolerance, paused } = control;
    current.child = await startChild(stageWorkflow, {
      workflowId: `${workflowInfo().workflowId}/${stage}`,
      args: [{ run: { ref, mode, window, tolerance }, stage, planned, paused }],
    });
    const counts = await current.child.result().finally(() => (current.child = null));
    total.done += counts.done;
    total.quarantined += counts.quarantined;
    total.different += counts.different;
  }
  const finished = await publishStage({ ref, stage, manifest, complete: true });
  await recordEvent({ ref, type: 'stage-finished', data: { stage, ...finished } });
  await pauseForEmptySplits(stage, finished, control);
}

async function pauseForEmptySplits(stage: StageName, finished: StageFinished, control: Control): Promise<void> {
  if (finished.emptySplits.length === 0) return;
  await control.pause(
    `after stage ${stage} no shard is left of split ${finished.emptySplits.join(', ')}: ${finished.quarantined} of ${finished.planned} shards are quarantined`,
  );
  await control.untilUnpaused();
}

/** The innermost failure: what the activity or child itself said. */
function rootCause(error: unknown): { type: string; message: string } {
  let cause = error as ActivityFailure | ChildWorkflowFailure | ApplicationFailure;
  while (cause.cause instanceof Error) cause = cause.cause as typeof cause;
  const type = cause instanceof ApplicationFailure ? (cause.type ?? 'Error') : cause.name;
  return { type, message: cause.message };
}
