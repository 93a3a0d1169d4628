// Many lots: partitions of a stage, each a child workflow with a window of its own.
import { type ChildWorkflowHandle, startChild, workflowInfo } from '@temporalio/workflow';
import type { LotInput, StagePlanned } from '../schemas/messages.js';
import { LIMITS } from '../schemas/orchestration.js';
import { partitionWorkflow } from './partition.js';
import type { Control } from './signals.js';

export interface Bounds {
  readonly lotsPerPartition: number;
  readonly lotsPerContinueAsNew?: number;
  readonly linksPerContinueAsNew?: number;
}

interface PartitionsInput {
  readonly lot: Omit<LotInput, 'lot'>;
  readonly control: Control;
  readonly planned: StagePlanned;
  readonly partitions: ChildWorkflowHandle<typeof partitionWorkflow>[];
  readonly bounds: Bounds;
}

/** Splits the lots evenly over child workflows and waits for all. @throws the first failure */
export async function runPartitions({ lot, control, planned, partitions, bounds }: PartitionsInput): Promise<void> {
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
    partitions.push(await startChild(partitionWorkflow, { workflowId: `${id}/p/${partition}`, args }));
  }
  await Promise.all(partitions.map((p) => p.result()));
}

/** Sends a signal to every child. */
export async function tellAll<T>(children: readonly T[], send: (child: T) => Promise<void>): Promise<void> {
  // A child that has just ended cannot be signalled; it needs no signal.
  await Promise.all(children.map((child) => send(child).catch(() => undefined)));
}
