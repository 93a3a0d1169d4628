// Which of the queues that a run needs somebody serves. A record of a poll proves nothing for a process of this machine: that is asked
// for by pid and start time. Starts nothing.
import os from 'node:os';
import type { Client } from '@temporalio/client';
import { queueOf } from '../../pipeline/execute/plan-step.js';
import { pidSpace } from '../../runtime/child/process-identity.js';
import { QUEUES } from '../../schemas/orchestration.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import type { StageName } from '../../schemas/stages.js';
import { parseIdentity } from '../../schemas/worker-identity.js';
import { startTimeOf } from '../../servers/process-record.js';
import { listStack } from './local-stack.js';
import type { TemporalAddress } from './temporal-client.js';

/** TASK_QUEUE_TYPE_WORKFLOW and _ACTIVITY; the enum lies in a package of Temporal's that nothing else here needs. */
const TYPES = { workflow: 1, activity: 2 } as const;

/** An idle worker asks again after a minute. */
const RECENT_MS = 90_000;

/** Who polled a queue lately, as Temporal says; it forgets after five minutes. */
export interface Poller {
  readonly identity: string;
  readonly lastMs: number;
}

export interface QueueState {
  readonly queue: string;
  readonly served: boolean;
  /** Whether that was proved, not taken from a record. */
  readonly proved: boolean;
  /** Tasks that wait in it; null where the server does not say. */
  readonly waiting: number | null;
}

/** What this machine knows of its own processes. */
export interface LocalProcesses {
  readonly host: string;
  readonly machine: string;
  /** Start time of a live process; null: there is none. */
  startOf(pid: number): Promise<string | null>;
}

/** The queues of a run's stages: that of its workflows first. */
export function queuesOf(run: ResolvedRun, stages: Iterable<StageName>): string[] {
  return [...new Set([QUEUES.orchestrate, ...[...stages].map((stage) => queueOf(run, stage))])];
}

/** Processes of this machine, by the system. */
export async function localProcesses(): Promise<LocalProcesses> {
  return { host: os.hostname(), machine: await pidSpace(), startOf: startTimeOf };
}

/**
 * Whether a poller serves what a workflow needs now and until its end.
 * @param kind a worker whose slots are all taken polls for no activities, so that an old poll of another machine proves nothing there
 */
export async function serves(
  poller: Poller,
  asked: { readonly kind: keyof typeof TYPES; readonly workflowId: string; readonly nowMs: number },
  local: LocalProcesses,
): Promise<'proved' | 'likely' | 'no'> {
  const { identity, lastMs } = poller;
  const worker = parseIdentity(identity);
  // It ends with another run, which may be before this one does.
  if (worker !== null && worker.until !== null && worker.until !== asked.workflowId) return 'no';
  if (worker !== null && worker.machine !== '' && worker.machine === local.machine)
    return (await local.startOf(worker.pid)) === worker.start ? 'proved' : 'no';
  const [, pid, host] = /^(\d+)@(\S+)/.exec(identity) ?? [];
  const nameless = worker === null || worker.machine === '' || local.machine === '';
  if (nameless && host === local.host) return (await local.startOf(Number(pid))) === null ? 'no' : 'likely';
  return asked.kind === 'activity' || asked.nowMs - lastMs < RECENT_MS ? 'likely' : 'no';
}

export interface Asked {
  readonly client: Pick<Client, 'workflowService'>;
  readonly at: Pick<TemporalAddress, 'address' | 'namespace'>;
  /** Folder of the local stack. */
  readonly folder: string;
  /** Workflow that waits. */
  readonly workflowId: string;
}

/** How each queue stands. */
export async function queueStates(asked: Asked, queues: readonly string[]): Promise<QueueState[]> {
  const local = await localProcesses();
  const own = await stackQueues(asked);
  return Promise.all(
    queues.map(async (queue) => {
      const kind = queue === QUEUES.orchestrate ? 'workflow' : 'activity';
      const { pollers, waiting } = await describeQueue(asked, queue, kind);
      const answers = await Promise.all(
        pollers.map((one) => serves(one, { kind, workflowId: asked.workflowId, nowMs: Date.now() }, local)),
      );
      const proved = own.has(queue) || answers.includes('proved');
      return { queue, served: proved || answers.includes('likely'), proved, waiting };
    }),
  );
}

/** What the workers of the local stack serve: one with all slots taken may not have polled for long. */
async function stackQueues({ at, folder, workflowId }: Asked): Promise<ReadonlySet<string>> {
  const workers = (await listStack(folder)).filter(
    ({ name, address, info }) =>
      name === 'worker' && address === at.address && ['', workflowId].includes(info['until'] ?? workflowId),
  );
  return new Set(workers.flatMap(({ info }) => (info['queues'] ?? '').split(' ')));
}

async function describeQueue(
  { client, at }: Asked,
  queue: string,
  kind: keyof typeof TYPES,
): Promise<{ readonly pollers: readonly Poller[]; readonly waiting: number | null }> {
  const { pollers, stats } = await client.workflowService.describeTaskQueue({
    namespace: at.namespace,
    taskQueue: { name: queue },
    // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- see TYPES
    taskQueueType: TYPES[kind],
    reportStats: true,
  });
  const count = stats?.approximateBacklogCount;
  return {
    pollers: pollers.map(({ identity, lastAccessTime }) => ({
      identity: identity ?? '',
      lastMs: Number(lastAccessTime?.seconds ?? 0) * 1000,
    })),
    waiting: count === undefined || count === null ? null : Number(count),
  };
}

/** What to start for a queue that nobody serves. */
export function remedyFor(queue: string): string {
  const host = queue.startsWith(QUEUES.host('')) ? queue.slice(QUEUES.host('').length) : null;
  if (host !== null)
    return `start \`assay worker --roles io\` on ${host}, or \`assay worker --roles io --host ${host}\` where its files are`;
  const device = /^assay-compute-(.+)$/.exec(queue)?.[1];
  const roles = queue === QUEUES.orchestrate ? 'orchestrate' : queue === QUEUES.io ? 'io' : 'compute';
  return `start \`assay worker --roles ${roles}${device === undefined ? '' : ` --device ${device}`}\``;
}
