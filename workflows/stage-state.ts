// What a stage workflow is given, gives back and is doing.
import type { ChildWorkflowHandle } from '@temporalio/workflow';
import type { RunInput, StagePlanned } from '../schemas/messages.js';
import type { StageName } from '../schemas/stages.js';
import type { Background } from './background.js';
import type { Share } from './lot-window.js';
import type { partitionWorkflow } from './partition.js';
import type { Bounds } from './run-partitions.js';
import type { Control } from './signals.js';

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

export interface Resumed {
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
