// One partition of a stage's lots: a window that continues as new once it is drained, at most once a second.
import { continueAsNew, getExternalWorkflowHandle, sleep, workflowInfo } from '@temporalio/workflow';
import type { LotInput } from '../schemas/messages.js';
import { LIMITS } from '../schemas/orchestration.js';
import { Background } from './background.js';
import { runLotWindow } from './lot-window.js';
import { Control, reportSignal } from './signals.js';

export interface PartitionInput {
  readonly lot: Omit<LotInput, 'lot'>;
  readonly queue: string;
  readonly from: number;
  readonly to: number;
  readonly window: number;
  readonly tolerance: number;
  readonly paused: boolean;
  /** Number of the partition: partitions continue as new at staggered lots. */
  readonly partition: number;
  /** Lots until it continues as new; the project's limit where absent. */
  readonly budget?: number;
}

export async function partitionWorkflow(input: PartitionInput): Promise<void> {
  const control = new Control(input);
  const parent = workflowInfo().parent;
  const stage = parent ? getExternalWorkflowHandle(parent.workflowId, parent.runId) : null;
  const report = { done: 0, quarantined: 0, different: 0 };
  const background = new Background();
  let unsaid = 0;
  const say = async (): Promise<void> => {
    if (unsaid === 0 || !stage) return;
    const said = { ...report };
    report.done = report.quarantined = report.different = unsaid = 0;
    await stage.signal(reportSignal, said);
  };
  const budget = input.budget ?? LIMITS.lotsPerContinueAsNew + (input.partition % 50) * 5;
  const { next } = await runLotWindow({ ...input, budget }, control, (result) => {
    report.done += result.done;
    report.quarantined += result.quarantined;
    report.different += result.different;
    // Quarantines count towards the tolerance of the whole stage: say so at once; progress is said now and then.
    if (++unsaid >= 50 || result.quarantined > 0) background.add(say());
  });
  await say();
  await background.settled();
  if (next >= input.to) return;
  await sleep(1000);
  const { window, tolerance, paused } = control;
  await continueAsNew<typeof partitionWorkflow>({
    ...input,
    from: next,
    window,
    tolerance,
    paused,
  });
}
