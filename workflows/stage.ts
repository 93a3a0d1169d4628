// One stage of a run: its lots in a window (or partitions above LIMITS.lotsPerPartition), growing snapshots, the tolerance for quarantine.
import { type ChildWorkflowHandle, condition, patched, setHandler, CancellationScope } from '@temporalio/workflow';
import type { LotInput, LotResult, RunInput, StagePlanned } from '../schemas/messages.js';
import { LIMITS } from '../schemas/orchestration.js';
import type { StageName } from '../schemas/stages.js';
import { runLotWindow } from './lot-window.js';
import { publishStage, recordEvent } from './options.js';
import type { partitionWorkflow } from './partition.js';
import { runPartitions, tellAll, type Bounds } from './run-partitions.js';
import { Control, limitsSignal, pauseSignal, progressQuery, reportSignal, unpauseSignal } from './signals.js';

export interface StageInput {
  readonly run: Pick<RunInput, 'ref' | 'mode' | 'window' | 'tolerance'>;
  readonly stage: StageName;
  readonly planned: StagePlanned;
  readonly paused: boolean;
  /** Other bounds than the project's, so that recorded histories stay short. */
  readonly bounds?: Bounds;
}

export interface StageResult {
  readonly done: number;
  readonly quarantined: number;
  readonly different: number;
}

/** What a stage workflow is doing; signals and queries see it. */
interface Working {
  readonly input: StageInput;
  readonly control: Control;
  readonly partitions: ChildWorkflowHandle<typeof partitionWorkflow>[];
  readonly total: { done: number; quarantined: number; different: number };
}

export async function stageWorkflow(input: StageInput): Promise<StageResult> {
  const total = { done: 0, quarantined: 0, different: 0 };
  const partitions: Working['partitions'] = [];
  const working: Working = { input, control: listen(input, partitions, total), partitions, total };
  answerQueries(working);
  const count = counter(working);
  setHandler(reportSignal, count);

  let ended = false;
  // Handled from the start: a cancellation may reject it before anybody waits for it.
  const publishing = CancellationScope.cancellable(() => publishWhile(input, () => !ended)).catch(() => undefined);
  try {
    await runLots(working, count);
    // Too many quarantined shards in the last lots: the next stage waits for the user too.
    await working.control.untilUnpaused();
  } finally {
    ended = true;
    await publishing;
  }
  return total;
}

/** Takes signals and passes them on to the partitions. */
function listen({ run, paused }: StageInput, partitions: Working['partitions'], total: Working['total']): Control {
  const control = new Control(
    { window: run.window, tolerance: run.tolerance, paused },
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

/** Adds up what lots did, and pauses where more shards are quarantined than the tolerance allows. */
function counter({
  input,
  control,
  total,
}: Working): (result: Pick<LotResult, 'done' | 'quarantined' | 'different'>) => void {
  const { run, stage, planned } = input;
  return (result) => {
    total.done += result.done;
    total.quarantined += result.quarantined;
    total.different += result.different;
    if (total.quarantined === 0) return;
    const allowed = allowedShards(control.tolerance, planned.planned);
    if (total.quarantined - control.accepted <= allowed || control.paused) return;
    const reason = `${total.quarantined} of ${planned.planned} shards of stage ${stage} are quarantined, more than the ${allowed} that the tolerance ${control.tolerance} allows (${control.tolerance} × ${planned.planned}, rounded down)`;
    void control.pause(reason);
    void recordEvent({
      ref: run.ref,
      type: 'paused',
      data: { stage, reason, quarantined: total.quarantined, allowed },
    });
  };
}

/** Shards that may be quarantined: 1 of 9 is more than 1 %, so the share is rounded down. Runs that began before this rule go on rounding it up. */
function allowedShards(tolerance: number, planned: number): number {
  const share = tolerance * planned;
  // A product such as 0.29 · 100 comes out just below a whole number.
  return patched('tolerance-rounds-down') ? Math.floor(share + 1e-9) : Math.ceil(share);
}

async function runLots({ input, control, partitions }: Working, count: (result: LotResult) => void): Promise<void> {
  const { run, stage, planned } = input;
  const { stageVersion, manifest, queue, lots } = planned;
  const lot: Omit<LotInput, 'lot'> = {
    ref: run.ref,
    stage,
    stageVersion,
    manifest,
    mode: run.mode,
  };
  const bounds: Bounds = input.bounds ?? { lotsPerPartition: LIMITS.lotsPerPartition };
  if (lots <= bounds.lotsPerPartition)
    await runLotWindow({ lot, queue, from: 0, to: lots, budget: Infinity }, control, count);
  else await runPartitions({ lot, control, planned, partitions, bounds });
}

/** Snapshots while the stage grows: every 30 s at first, more rarely in a long stage, so that the history stays short. */
async function publishWhile(input: StageInput, working: () => boolean): Promise<void> {
  const { run, stage, planned } = input;
  for (let pause: number = LIMITS.snapshotMs; ; pause = Math.min(pause * 1.1, 10 * LIMITS.snapshotMs)) {
    if (await condition(() => !working(), pause)) return;
    await publishStage({ ref: run.ref, stage, manifest: planned.manifest, complete: false }).catch(() => undefined);
  }
}
