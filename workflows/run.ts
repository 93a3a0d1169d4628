// One run: its steps as a graph, each with its lots in a child workflow; pause, unpause and limits are passed on; the outcome
// becomes a stored event.
import {
  ApplicationFailure,
  CancellationScope,
  type ChildWorkflowHandle,
  isCancellation,
  setHandler,
  startChild,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { defineSearchAttributeKey } from '@temporalio/common';
import type { RunInput, RunResult, RunStep, StageFinished, StagePlanned } from '../schemas/messages.js';
import { SEARCH_ATTRIBUTES } from '../schemas/orchestration.js';
import { guardThis } from './guard.js';
import { Leases } from './lease.js';
import { planStage, publishStage, recordEvent } from './options.js';
import { rootCause } from './root-cause.js';
import { Control, limitsSignal, pauseSignal, progressQuery, unpauseSignal } from './signals.js';
import { stageWorkflow } from './stage.js';
import { runSteps, stepsOf } from './steps.js';
import { catchUp, stateOf } from './tell-children.js';

const RUN = defineSearchAttributeKey(SEARCH_ATTRIBUTES.run, 'KEYWORD');
const STAGE = defineSearchAttributeKey(SEARCH_ATTRIBUTES.stage, 'KEYWORD');

type StageHandle = ChildWorkflowHandle<typeof stageWorkflow>;

/** What a run workflow is doing; signals and queries see it. */
interface Running {
  readonly input: RunInput;
  readonly control: Control;
  readonly leases: Leases;
  readonly current: Current;
  readonly total: { done: number; quarantined: number; different: number };
}

interface Current {
  /** The step that was begun last. */
  step: RunStep | null;
  /** The step that failed first. */
  failed: RunStep | null;
  /** Steps that are under way, by their ids, with their stage workflow once it has started. */
  readonly open: Map<string, StageHandle | null>;
  /** One plan at a time: each adds to the run's stored plan. */
  planning: Promise<unknown>;
}

export async function runWorkflow(input: RunInput): Promise<RunResult> {
  const { ref, mode } = input;
  const steps = stepsOf(input);
  const current: Current = { step: null, failed: null, open: new Map(), planning: Promise.resolve() };
  const total = { done: 0, quarantined: 0, different: 0 };
  const control = listen(input, current);
  const running: Running = { input, control, leases: new Leases(), current, total };
  answerQueries(running);
  let release = (): Promise<void> => Promise.resolve();
  try {
    await recordEvent({
      ref,
      type: 'started',
      data: { stages: stagesOf(steps), mode, ...thisExecution() },
    });
    release = await guardThis(ref);
    await runSteps(
      steps,
      () => control.paused,
      (step) => runStep(running, step),
    );
    await recordEvent({ ref, type: 'completed', data: { ...total } });
    await release();
    return total;
  } catch (error) {
    const type = isCancellation(error) ? 'cancelled' : 'failed';
    const cause = rootCause(error);
    const step = current.failed ?? current.step;
    const where = { stage: step?.stage ?? null, step: step?.id ?? null };
    const data = { ...where, error: cause.type, message: cause.message, details: cause.details };
    // Where the event cannot be stored, the run still ends with what it failed of, not with that.
    await CancellationScope.nonCancellable(() => recordEvent({ ref, type, data }).catch(() => undefined));
    await release();
    if (type === 'cancelled') throw error;
    throw ApplicationFailure.nonRetryable(cause.message, cause.type, { ...where, ...cause.details });
  }
}

/** Names this execution, so that what is told of it is never taken for what is told of another under its id. */
function thisExecution(): { workflow: string; execution: string } {
  const { workflowId, firstExecutionRunId } = workflowInfo();
  return { workflow: workflowId, execution: firstExecutionRunId };
}

function stagesOf(steps: readonly RunStep[]): string[] {
  return [...new Set(steps.map(({ stage }) => stage))];
}

/** Takes signals: each becomes an event and is passed on to the steps that are under way. */
function listen(input: RunInput, current: Current): Control {
  const { ref } = input;
  const pass = async (send: (child: StageHandle) => Promise<void>): Promise<void> => {
    // A stage that has just ended cannot be signalled; the next one starts with the state of this workflow.
    for (const child of current.open.values()) if (child) await send(child).catch(() => undefined);
  };
  const stage = (): string | null => current.step?.stage ?? null;
  return new Control(input, {
    onPause: async (reason) => {
      await recordEvent({ ref, type: 'paused', data: { stage: stage(), reason } });
      await pass((child) => child.signal(pauseSignal, reason));
    },
    onUnpause: async () => {
      await recordEvent({ ref, type: 'unpaused', data: { stage: stage() } });
      await pass((child) => child.signal(unpauseSignal));
    },
    onLimits: async (limits, control) => {
      const { window = null, tolerance = null } = limits;
      await recordEvent({ ref, type: 'limits', data: { window, tolerance } });
      const share = window === null ? {} : { window: shareOf(control, current) };
      await pass((child) => child.signal(limitsSignal, { ...limits, ...share }));
    },
  });
}

/** The window is the run's; the steps that are under way share it evenly. */
function shareOf({ window }: Control, { open }: Current): number {
  const children = [...open.values()].filter((child) => child !== null).length;
  return Math.max(1, Math.floor(window / Math.max(1, children)));
}

function answerQueries({ control, current, total }: Running): void {
  setHandler(progressQuery, () => ({
    ...total,
    stage: current.step?.stage ?? null,
    steps: [...current.open.keys()],
    paused: control.paused,
    reason: control.reason,
    window: control.window,
    tolerance: control.tolerance,
  }));
}

async function runStep(running: Running, step: RunStep): Promise<void> {
  const { input, control, current, leases } = running;
  const { ref } = input;
  const { id, stage } = step;
  current.step = step;
  current.open.set(id, null);
  try {
    // Also the name: runs that a schedule starts have no client to set it.
    upsertSearchAttributes([
      { key: RUN, value: ref.run },
      { key: STAGE, value: stage },
    ]);
    let planned = await plan(running, step);
    const held = await leases.take(planned.leases ?? [], (lease) =>
      recordEvent({ ref, type: 'step-waits', data: { step: id, stage, for: lease } }),
    );
    try {
      if (held.waited) planned = await plan(running, step);
      const finished = await runPlanned(running, step, planned);
      await pauseForEmptySplits(step, finished, control);
    } finally {
      await CancellationScope.nonCancellable(() => held.release());
    }
  } catch (error) {
    if (!isCancellation(error)) current.failed ??= step;
    throw error;
  } finally {
    current.open.delete(id);
  }
}

/** Plans of one run are made one after the other. */
async function plan({ input, current }: Running, { id, stage }: RunStep): Promise<StagePlanned> {
  const before = current.planning;
  const next = (async () => {
    await before;
    return planStage({ ref: input.ref, stage, step: id, mode: input.mode });
  })();
  current.planning = next.catch(() => undefined);
  return next;
}

async function runPlanned(running: Running, step: RunStep, planned: StagePlanned): Promise<StageFinished> {
  const { ref } = running.input;
  const { items, lots, manifest } = planned;
  const { id, stage } = step;
  await recordEvent({
    ref,
    type: 'stage-started',
    data: { stage, step: id, items, planned: planned.planned, lots },
  });
  if (lots > 0) await runLots(running, step, planned);
  const finished = await publishStage({ ref, stage, manifest, complete: true });
  await recordEvent({ ref, type: 'stage-finished', data: { stage, step: id, ...finished } });
  return finished;
}

async function runLots(running: Running, { id, stage }: RunStep, planned: StagePlanned): Promise<void> {
  const { input, control, current, total } = running;
  const { ref, mode, noProgressSeconds } = input;
  const patience = noProgressSeconds === undefined ? {} : { noProgressSeconds };
  const others = [...current.open.values()].filter((child) => child !== null).length;
  const given = { ...stateOf(control), window: Math.max(1, Math.floor(control.window / (others + 1))) };
  const { window, tolerance, paused } = given;
  const child = await startChild(stageWorkflow, {
    workflowId: `${workflowInfo().workflowId}/${id}`,
    args: [{ run: { ref, mode, window, tolerance, ...patience }, stage, planned, paused }],
  });
  await shareWindow(running, () => current.open.set(id, child));
  await catchUp(child, given, { ...stateOf(control), window: shareOf(control, current) });
  const counts = await child.result().finally(() => current.open.set(id, null));
  total.done += counts.done;
  total.quarantined += counts.quarantined;
  total.different += counts.different;
  await shareWindow(running, () => undefined);
}

/** Tells the steps that were under way before their new share of the window. */
async function shareWindow({ control, current }: Running, change: () => unknown): Promise<void> {
  const before = [...current.open.values()].filter((child) => child !== null);
  change();
  const window = shareOf(control, current);
  for (const child of before) await child.signal(limitsSignal, { window }).catch(() => undefined);
}

async function pauseForEmptySplits({ stage }: RunStep, finished: StageFinished, control: Control): Promise<void> {
  if (finished.emptySplits.length === 0) return;
  await control.pause(
    `after stage ${stage} no shard is left of split ${finished.emptySplits.join(', ')}: ${finished.quarantined} of ${finished.planned} shards are quarantined`,
  );
  await control.untilUnpaused();
}
