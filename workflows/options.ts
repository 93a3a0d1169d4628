// Time-outs and retries, in the three named classes that every activity call uses.
import { proxyActivities, type ActivityOptions } from '@temporalio/workflow';
import type { Activities } from '../activities/messages.js';
import { LIMITS, QUEUES } from '../schemas/orchestration.js';
import { namesQueue } from './unserved.js';

const FINAL_ERRORS = ['InputError', 'DataError'];

/** Short work on the store: planning, publishing, events. */
export const io: ActivityOptions = {
  taskQueue: QUEUES.orchestrate,
  startToCloseTimeout: '15 minutes',
  heartbeatTimeout: '20 seconds',
  retry: {
    initialInterval: '1 second',
    backoffCoefficient: 2,
    maximumInterval: '30 seconds',
    maximumAttempts: 12,
    nonRetryableErrorTypes: FINAL_ERRORS,
  },
};

/** Lots on CPUs. A lot's own guard (no progress) ends what cannot succeed, so attempts are not counted. */
export const cpu: ActivityOptions = {
  startToCloseTimeout: '2 hours',
  heartbeatTimeout: '20 seconds',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: {
    initialInterval: '1 second',
    backoffCoefficient: 2,
    maximumInterval: '1 minute',
    nonRetryableErrorTypes: FINAL_ERRORS,
  },
};

/** Lots on accelerators: the same, with room for a device that is slow to start. */
export const gpu: ActivityOptions = { ...cpu, heartbeatTimeout: '60 seconds' };

export const { planStage, publishStage, recordEvent, isQueueServed } = proxyActivities<Activities>(io);

/** `prepareScheduledRun` on the host that has the run file's local files. */
export function prepareOn(hostQueue: string): Activities['prepareScheduledRun'] {
  const { prepareScheduledRun } = proxyActivities<Activities>(onHost(hostQueue));
  return (input) => namesQueue(hostQueue, prepareScheduledRun(input));
}

/** `runLot` on a queue; `startMs` bounds the wait for somebody who takes it. */
export function lotActivity(queue: string, startMs?: number): Activities['runLot'] {
  const base = queue.endsWith('cuda') || queue.endsWith('webgpu') ? gpu : cpu;
  const options: ActivityOptions = { ...base, taskQueue: queue };
  if (startMs !== undefined) options.scheduleToStartTimeout = startMs;
  return proxyActivities<Activities>(options).runLot;
}

/** `prepareMember` on the host that has the suite's local files. */
export function prepareMemberOn(hostQueue: string): Activities['prepareMember'] {
  const { prepareMember } = proxyActivities<Activities>(onHost(hostQueue));
  return (input) => namesQueue(hostQueue, prepareMember(input));
}

function onHost(taskQueue: string): ActivityOptions {
  return { ...io, taskQueue, scheduleToStartTimeout: LIMITS.hostStartMs };
}
