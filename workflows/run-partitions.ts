// Many lots: partitions of a stage, each a child workflow with a window of its own.
import { type ChildWorkflowHandle, startChild, workflowInfo } from '@temporalio/workflow';
import type { LotInput, StagePlanned } from '../schemas/messages.js';
import { LIMITS } from '../schemas/orchestration.js';
import { partitionWorkflow } from './partition.js';
import { catchUp, stateOf, type ChildState } from './tell-children.js';
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

/** How the lots are divided: so many partitions, each of so many lots (the last one of what is left). */
export function cutOf(lots: number, { lotsPerPartition }: Bounds): { readonly count: number; readonly each: number } {
  const wanted = Math.min(LIMITS.partitions, Math.ceil(lots / lotsPerPartition));
  const each = Math.ceil(lots / wanted);
  return { count: Math.ceil(lots / each), each };
}

/** The window is the stage's: its partitions share it evenly, also while some of them have not been started. */
export function shareOf(window: number, partitions: number): number {
  return Math.max(1, Math.ceil(window / partitions));
}

/** Splits the lots evenly over child workflows and waits for all. @throws the first failure */
export async function runPartitions({ lot, control, planned, partitions, bounds }: PartitionsInput): Promise<void> {
  const { lots, queue } = planned;
  const { count, each } = cutOf(lots, bounds);
  const budget = bounds.lotsPerContinueAsNew === undefined ? {} : { budget: bounds.lotsPerContinueAsNew };
  const id = workflowInfo().workflowId;
  const state = (): ChildState => ({ ...stateOf(control), window: shareOf(control.window, count) });
  for (let partition = 0; partition < count; partition++) {
    const from = partition * each;
    const to = Math.min(lots, from + each);
    const given = state();
    const { window, tolerance, paused } = given;
    const args: Parameters<typeof partitionWorkflow> = [
      { lot, queue, from, to, window, tolerance, paused, partition, ...budget },
    ];
    const child = await startChild(partitionWorkflow, { workflowId: `${id}/p/${partition}`, args });
    partitions.push(child);
    await catchUp(child, given, state());
  }
  await Promise.all(partitions.map((p) => p.result()));
}
