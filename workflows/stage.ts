// One stage of a run: its lots in a window (or partitions above LIMITS.lotsPerPartition), growing snapshots, the tolerance for quarantine.
import {
  type ChildWorkflowHandle,
  condition,
  setHandler,
  startChild,
  workflowInfo,
  CancellationScope,
} from '@temporalio/workflow';
import type { LotInput, LotResult, RunInput, StagePlanned } from '../schemas/messages.js';
import { LIMITS, type StageName } from '../schemas/constants.js';
import { runLotWindow } from './lot-window.js';
import { publishStage, recordEvent } from './options.js';
import { partitionWorkflow } from './partition.js';
import {
  Control,
  limitsSignal,
  pauseSignal,
  progressQuery,
  reportSignal,
  unpauseSignal,
} from './signals.js';

export interface StageInput {
  readonly run: Pick<RunInput, 'ref' | 'mode' | 'window' | 'tolerance'>;
  readonly stage: StageName;
  readonly planned: StagePlanned;
  readonly paused: boolean;
  /** Other bounds than the project's, so that recorded histories stay short. */
  readonly bounds?: Bounds;
}

interface Bounds {
  readonly lotsPerPartition: number;
  readonly lotsPerContinueAsNew?: number;
}

export interface StageResult {
  readonly done: number;
  readonly quarantined: number;
  readonly different: number;
}

export async function stageWorkflow(input: StageInput): Promise<StageResult> {
  const { run, stage, planned } = input;
  const total = { done: 0, quarantined: 0, different: 0 };
  const partitions: ChildWorkflowHandle<typeof partitionWorkflow>[] = [];
  const control = new Control(
    { window: run.window, tolerance: run.tolerance, paused: input.paused },
    {
      onPause: (reason) => toAll(partitions, (p) => p.signal(pauseSignal, reason)),
      onUnpause: async () => {
        control.accepted = total.quarantined;
        await toAll(partitions, (p) => p.signal(unpauseSignal));
      },
      onLimits: (limits) => toAll(partitions, (p) => p.signal(limitsSignal, limits)),
    },
  );
  setHandler(progressQuery, () => ({
    ...total,
    stage,
    paused: control.paused,
    reason: control.reason,
    window: control.window,
    tolerance: control.tolerance,
  }));
  const count = (result: Pick<LotResult, 'done' | 'quarantined' | 'different'>): void => {
    total.done += result.done;
    total.quarantined += result.quarantined;
    total.different += result.different;
    const allowed = Math.ceil(control.tolerance * planned.planned);
    if (total.quarantined - control.accepted <= allowed || control.paused) return;
    const reason = `${total.quarantined} of ${planned.planned} shards of stage ${stage} are quarantined, more than the ${allowed} that the tolerance ${control.tolerance} allows`;
    void control.pause(reason);
    void recordEvent({
      ref: run.ref,
      type: 'paused',
      data: { stage, reason, quarantined: total.quarantined, allowed },
    });
  };
  setHandler(reportSignal, count);

  let working = true;
  const publishing = CancellationScope.cancellable(() => publishWhile(input, () => working));
  const lot: Omit<LotInput, 'lot'> = {
    ref: run.ref,
    stage,
    stageVersion: planned.stageVersion,
    manifest: planned.manifest,
    mode: run.mode,
  };
  try {
    const bounds: Bounds = input.bounds ?? { lotsPerPartition: LIMITS.lotsPerPartition };
    if (planned.lots <= bounds.lotsPerPartition) {
      await runLotWindow(
        { lot, queue: planned.queue, from: 0, to: planned.lots, budget: Infinity },
        control,
        count,
      );
    } else {
      await runPartitions({ lot, control, planned, partitions, bounds });
    }
    // Too many quarantined shards in the last lots: the next stage waits for the user too.
    await control.untilUnpaused();
  } finally {
    working = false;
    await publishing.catch(() => undefined);
  }
  return total;
}

/** Snapshots while the stage grows: every 30 s at first, more rarely in a long stage, so that the history stays short. */
async function publishWhile(input: StageInput, working: () => boolean): Promise<void> {
  const { run, stage, planned } = input;
  for (
    let pause: number = LIMITS.snapshotMs;
    ;
    pause = Math.min(pause * 1.1, 10 * LIMITS.snapshotMs)
  ) {
    if (await condition(() => !working(), pause)) return;
    await publishStage({ ref: run.ref, stage, manifest: planned.manifest, complete: false }).catch(
      () => undefined,
    );
  }
}

interface PartitionsInput {
  readonly lot: Omit<LotInput, 'lot'>;
  readonly control: Control;
  readonly planned: StagePlanned;
  readonly partitions: ChildWorkflowHandle<typeof partitionWorkflow>[];
  readonly bounds: Bounds;
}

async function runPartitions({
  lot,
  control,
  planned,
  partitions,
  bounds,
}: PartitionsInput): Promise<void> {
  const { lotsPerPartition, lotsPerContinueAsNew: budget } = bounds;
  const wanted = Math.min(LIMITS.partitions, Math.ceil(planned.lots / lotsPerPartition));
  const each = Math.ceil(planned.lots / wanted);
  const id = workflowInfo().workflowId;
  for (let partition = 0; partition * each < planned.lots; partition++) {
    const from = partition * each;
    const to = Math.min(planned.lots, from + each);
    const { window, tolerance, paused } = control;
    // The window is the stage's; partitions share it evenly.
    const share = Math.max(1, Math.ceil(window / wanted));
    const args: Parameters<typeof partitionWorkflow> = [
      {
        ...{ lot, queue: planned.queue, from, to, window: share, tolerance, paused, partition },
        ...(budget === undefined ? {} : { budget }),
      },
    ];
    partitions.push(
      await startChild(partitionWorkflow, { workflowId: `${id}/p/${partition}`, args }),
    );
  }
  await Promise.all(partitions.map((p) => p.result()));
}

async function toAll<T>(children: readonly T[], send: (child: T) => Promise<void>): Promise<void> {
  // A child that has just ended cannot be signalled; it needs no signal.
  await Promise.all(children.map((child) => send(child).catch(() => undefined)));
}
