// One stage of a run: its lots in a window (or partitions above LIMITS.lotsPerPartition), growing snapshots, the tolerance for quarantine.
import {
  type ChildWorkflowHandle,
  CancellationScope,
  condition,
  continueAsNew,
  setHandler,
} from '@temporalio/workflow';
import type { LotInput, LotResult, RunInput, StagePlanned } from '../schemas/messages.js';
import { LIMITS } from '../schemas/orchestration.js';
import type { StageName } from '../schemas/stages.js';
import { Background } from './background.js';
import { runLotWindow, type Share } from './lot-window.js';
import { counter, publishWhile } from './stage-counts.js';
import type { partitionWorkflow } from './partition.js';
import { runPartitions, tellAll, type Bounds } from './run-partitions.js';
import { Control, limitsSignal, pauseSignal, progressQuery, reportSignal, unpauseSignal } from './signals.js';

export interface StageInput {
  readonly run: Pick<RunInput, 'ref' | 'mode' | 'window' | 'tolerance' | 'noProgressSeconds'>;
  readonly stage: StageName;
  readonly planned: StagePlanned;
  readonly paused: boolean;
  /** Other bounds than the project's, so that recorded histories stay short. */
  readonly bounds?: Bounds;
  /** Where it goes on after it continued as new. */
  readonly resumed?: Resumed;
}

interface Resumed {
  readonly next: number;
  readonly again: readonly Share[];
  readonly total: StageResult;
  readonly accepted: number;
  readonly reason: string | null;
}

export interface StageResult {
  readonly done: number;
  readonly quarantined: number;
  readonly different: number;
}

/** What a stage workflow is doing; signals and queries see it. */
export interface Working {
  readonly input: StageInput;
  readonly control: Control;
  readonly partitions: ChildWorkflowHandle<typeof partitionWorkflow>[];
  readonly total: { done: number; quarantined: number; different: number };
  /** What signals and counts have begun. */
  readonly background: Background;
}

export async function stageWorkflow(input: StageInput): Promise<StageResult> {
  const total = { done: 0, quarantined: 0, different: 0, ...input.resumed?.total };
  const partitions: Working['partitions'] = [];
  const control = listen(input, partitions, total);
  const working: Working = { input, control, partitions, total, background: new Background() };
  answerQueries(working);
  const count = counter(working);
  setHandler(reportSignal, count);

  let ended = false;
  // Handled from the start: a cancellation may reject it before anybody waits for it.
  const publishing = CancellationScope.cancellable(() => publishWhile(input, () => !ended)).catch(() => undefined);
  try {
    const left = await runLots(working, count);
    if (left) return await goOn(working, left);
    // Too many quarantined shards in the last lots: the next stage waits for the user too.
    await control.untilUnpaused();
    await working.background.settled();
  } finally {
    ended = true;
    await publishing;
  }
  return total;
}

/** Begins the history anew: a chain may have any number of links. */
async function goOn(
  { input, control, total, background }: Working,
  left: Pick<Resumed, 'next' | 'again'>,
): Promise<never> {
  const { window, tolerance, paused, accepted, reason } = control;
  await background.settled();
  return continueAsNew<typeof stageWorkflow>({
    ...{ ...input, paused, run: { ...input.run, window, tolerance } },
    resumed: { ...left, total, accepted, reason },
  });
}

/** Takes signals and passes them on to the partitions. */
function listen(
  { run, paused, resumed }: StageInput,
  partitions: Working['partitions'],
  total: Working['total'],
): Control {
  const control = new Control(
    { window: run.window, tolerance: run.tolerance, paused, ...resumed },
    {
      onPause: (reason) => tellAll(partitions, (p) => p.signal(pauseSignal, reason)),
      onUnpause: async () => {
        control.accepted = total.quarantined;
        await tellAll(partitions, (p) => p.signal(unpauseSignal));
      },
      onLimits: (limits) => tellAll(partitions, (p) => p.signal(limitsSignal, limits)),
    },
  );
  return control;
}

function answerQueries({ input, control, total }: Working): void {
  setHandler(progressQuery, () => ({
    ...total,
    stage: input.stage,
    paused: control.paused,
    reason: control.reason,
    window: control.window,
    tolerance: control.tolerance,
  }));
}

/** What is left to do after a new beginning; null where all is done. */
async function runLots(
  { input, control, partitions }: Working,
  count: (result: LotResult) => void,
): Promise<Pick<Resumed, 'next' | 'again'> | null> {
  const { run, stage, planned, resumed } = input;
  const { stageVersion, manifest, queue, lots } = planned;
  const lot: Omit<LotInput, 'lot'> = {
    ref: run.ref,
    stage,
    stageVersion,
    manifest,
    mode: run.mode,
    ...(run.noProgressSeconds === undefined ? {} : { noProgressSeconds: run.noProgressSeconds }),
  };
  const bounds: Bounds = input.bounds ?? { lotsPerPartition: LIMITS.lotsPerPartition };
  if (lots > bounds.lotsPerPartition) {
    await runPartitions({ lot, control, planned, partitions, bounds });
    return null;
  }
  const links = bounds.linksPerContinueAsNew ?? LIMITS.linksPerContinueAsNew;
  const window = {
    lot,
    queue,
    from: resumed?.next ?? 0,
    to: lots,
    budget: Infinity,
    links,
    again: resumed?.again ?? [],
  };
  const { next, again } = await runLotWindow(window, control, count);
  return next < lots || again.length > 0 ? { next, again } : null;
}
