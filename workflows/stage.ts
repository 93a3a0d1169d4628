// One stage of a run: its lots in a window (or partitions above LIMITS.lotsPerPartition), growing snapshots, the tolerance for quarantine.
import { CancellationScope, continueAsNew, setHandler } from '@temporalio/workflow';
import type { LotInput, LotResult } from '../schemas/messages.js';
import { LIMITS } from '../schemas/orchestration.js';
import { Background } from './background.js';
import { runLotWindow } from './lot-window.js';
import { counter, publishWhile } from './stage-counts.js';
import type { Resumed, StageInput, StageResult, Working } from './stage-state.js';
import { cutOf, runPartitions, shareOf, type Bounds } from './run-partitions.js';
import { Control, limitsSignal, pauseSignal, progressQuery, reportSignal, unpauseSignal } from './signals.js';
import { tellAll } from './tell-children.js';

const BOUNDS: Bounds = { lotsPerPartition: LIMITS.lotsPerPartition };

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
  let left: Awaited<ReturnType<typeof runLots>>;
  try {
    left = await runLots(working, count);
    // Too many quarantined shards in the last lots: the next stage waits for the user too.
    if (left === null) await control.untilUnpaused();
    await working.background.settled();
  } finally {
    ended = true;
    await publishing;
  }
  return left === null ? total : goOn(working, left);
}

/** Begins the history anew: a chain may have any number of links. To be called last: what a signal changes after it is lost. */
function goOn({ input, control, total }: Working, left: Pick<Resumed, 'next' | 'again'>): Promise<never> {
  const { window, tolerance, paused, accepted, reason } = control;
  return continueAsNew<typeof stageWorkflow>({
    ...{ ...input, paused, run: { ...input.run, window, tolerance } },
    resumed: { ...left, total, accepted, reason },
  });
}

/** Takes signals and passes them on to the partitions. */
function listen(
  { run, paused, resumed, planned, bounds }: StageInput,
  partitions: Working['partitions'],
  total: Working['total'],
): Control {
  return new Control(
    { window: run.window, tolerance: run.tolerance, paused, ...resumed },
    {
      onPause: (reason) => tellAll(partitions, (p) => p.signal(pauseSignal, reason)),
      onUnpause: async (control) => {
        control.accepted = total.quarantined;
        await tellAll(partitions, (p) => p.signal(unpauseSignal));
      },
      onLimits: ({ window, ...limits }, control) => {
        const { count } = cutOf(planned.lots, bounds ?? BOUNDS);
        // Of the window that holds now, not of the number that was asked for.
        const share = window === undefined ? {} : { window: shareOf(control.window, count) };
        return tellAll(partitions, (p) => p.signal(limitsSignal, { ...limits, ...share }));
      },
    },
  );
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
  const bounds = input.bounds ?? BOUNDS;
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
