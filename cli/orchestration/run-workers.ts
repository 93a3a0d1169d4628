// The workers of a run: those that serve already, else new ones that end with it.
import os from 'node:os';
import type { Client } from '@temporalio/client';
import { QUEUES } from '../../schemas/orchestration.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import type { CommandContext } from '../command.js';
import { machineSlots, startWorker } from './local-stack.js';
import { stackFolder } from './stack-commands.js';
import type { TemporalAddress } from './temporal-client.js';

export interface WorkersWanted {
  readonly client: Client;
  readonly at: TemporalAddress;
  readonly context: CommandContext;
  /** How many; undefined: one where nobody serves. */
  readonly workers: number | undefined;
  readonly revision: ResolvedRun;
  /** Workflow with whose end they end. */
  readonly workflowId: string;
}

/** Starts the workers that were asked for; without a number one, where nobody serves the queues. They end with the run. */
export async function ensureWorkers(input: WorkersWanted): Promise<void> {
  const { client, at, context, revision, workflowId } = input;
  const wanted = input.workers ?? ((await hasWorkers(client, at)) ? 0 : 1);
  if (wanted === 0) return;
  const folder = await stackFolder(context);
  const { provider, threads } = revision.engine;
  const slots = Math.max(1, Math.floor(machineSlots(threads) / wanted));
  const launch = {
    folder,
    address: at.address,
    namespace: at.namespace,
    device: provider,
    slots,
    exitWithRun: workflowId,
  };
  const workers = await Promise.all(Array.from({ length: wanted }, () => startWorker(launch)));
  context.output.note(
    `started ${workers.length === 1 ? 'a worker' : `${workers.length} workers`} for this run: pid ${workers.map((w) => w.pid).join(', ')}`,
  );
}

async function hasWorkers(client: Client, at: TemporalAddress): Promise<boolean> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: at.namespace,
    taskQueue: { name: QUEUES.orchestrate },
    // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- TASK_QUEUE_TYPE_WORKFLOW; the enum lies in a package of Temporal's that nothing else here needs.
    taskQueueType: 1,
  });
  const recently = Date.now() / 1000 - 90;
  return pollers.some(
    ({ lastAccessTime, identity }) => Number(lastAccessTime?.seconds ?? 0) > recently && mayLive(identity ?? ''),
  );
}

/** A poller is remembered for minutes after its process died: of this machine's processes we know better. */
function mayLive(identity: string): boolean {
  const [, pid, host] = /^(\d+)@(.+)$/.exec(identity) ?? [];
  if (pid === undefined || host !== os.hostname()) return true;
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch {
    return false;
  }
}
