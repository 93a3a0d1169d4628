// The workers of a run: those that serve already, else new ones that end with it; and the word that nobody serves a queue.
import { access } from 'node:fs/promises';
import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { PROGRESS_QUERY, QUEUES } from '../../schemas/orchestration.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import type { CommandContext } from '../command.js';
import { tellWait } from '../waiting.js';
import { machineSlots, startWorker, waitForWorkers, type WorkerLaunch } from './local-stack.js';
import { queueStates, remedyFor, type Asked, type QueueState } from './served-queues.js';
import { stackFolder } from './stack-folder.js';
import type { TemporalAddress } from './temporal-client.js';

export interface WorkersWanted {
  readonly client: Client;
  readonly at: TemporalAddress;
  readonly context: CommandContext;
  /** How many; undefined: one where nobody serves. */
  readonly workers: number | undefined;
  readonly revision: ResolvedRun;
  /** Queues that what is still to do needs, that of workflows first. */
  readonly queues: readonly string[];
  /** Folders and files that a worker of the run's host needs, besides the corpus. */
  readonly places?: readonly string[];
  /** Workflow with whose end they end. */
  readonly workflowId: string;
  /** How long somebody has to answer for the workflow; 15 s by default. */
  readonly answerMs?: number;
}

/**
 * Starts the workers that were asked for; without a number one, where a queue of the run is served by nobody who stays until its end.
 * They end with the run. What nobody serves then is named.
 */
export async function ensureWorkers(input: WorkersWanted): Promise<void> {
  const { context, workers } = input;
  const unserved = await unservedQueues(input);
  const wanted = workers ?? (unserved.length > 0 ? 1 : 0);
  if (wanted > 0) await startWorkers(input, wanted, unserved);
  const left = wanted > 0 ? await unservedQueues(input) : unserved;
  for (const queue of left) context.output.note(unservedNote(input.revision.name, { queue, waiting: null }));
}

/** `waiting: nobody serves …`, with what to start. */
export function unservedNote(run: string, { queue, waiting }: Pick<QueueState, 'queue' | 'waiting'>): string {
  const tasks = waiting === null || waiting === 0 ? '' : ` (${waiting} ${waiting === 1 ? 'task waits' : 'tasks wait'})`;
  return `${run} waits: nobody serves the queue ${queue}${tasks}; ${remedyFor(queue)}.`;
}

/** The run's queues that nobody serves until its end. */
async function unservedQueues(input: WorkersWanted): Promise<string[]> {
  const { client, workflowId, answerMs } = input;
  const states = await statesOf(input);
  const unserved = states.filter(({ served }) => !served).map(({ queue }) => queue);
  // A poll of another machine proves nothing of this moment; an answer does.
  const trusted = states.find(({ queue, served, proved }) => queue === QUEUES.orchestrate && served && !proved);
  return trusted && !(await isAnswered(client, workflowId, answerMs)) ? [QUEUES.orchestrate, ...unserved] : unserved;
}

async function statesOf({ client, at, context, workflowId, queues }: WorkersWanted): Promise<QueueState[]> {
  return queueStates({ client, at, folder: await stackFolder(context), workflowId }, queues);
}

const ANSWER_MS = 15_000;
const ASK_AGAIN_MS = 250;

/** Whether a worker answers for the workflow; a closed one needs none. */
async function isAnswered(client: Client, workflowId: string, answerMs = ANSWER_MS): Promise<boolean> {
  const handle = client.workflow.getHandle(workflowId);
  const deadline = Date.now() + answerMs;
  for (;;) {
    try {
      await client.withDeadline(deadline, () => handle.query(PROGRESS_QUERY));
      return true;
    } catch {
      const status = await handle.describe().then(
        (found) => found.status.name,
        () => 'UNKNOWN',
      );
      if (status !== 'RUNNING' && status !== 'UNKNOWN') return true;
      if (Date.now() > deadline) return false;
      await sleep(ASK_AGAIN_MS);
    }
  }
}

async function startWorkers(input: WorkersWanted, count: number, unserved: readonly string[]): Promise<void> {
  const { at, context, revision, workflowId } = input;
  const { provider, threads } = revision.engine;
  const common = { folder: await stackFolder(context), address: at.address, namespace: at.namespace };
  const hostId = (await hasFiles(input)) ? revision.hostId : os.hostname();
  // Where only the queue of a host is without a worker, the others do the rest.
  const hostAlone = input.workers === undefined && unserved.every((queue) => queue === QUEUES.host(hostId));
  const launch: WorkerLaunch = {
    ...common,
    ...{ device: provider, hostId, exitWithRun: workflowId },
    slots: hostAlone ? 1 : Math.max(1, Math.floor(machineSlots(threads) / count)),
    ...(hostAlone ? { roles: ['io'] } : {}),
  };
  const starts = Promise.all(Array.from({ length: count }, () => startWorker(launch)));
  const workers = await tellWait(context.output, waitForWorkers(count), starts);
  const rebound =
    hostId === os.hostname() ? '' : `; it reads the files of host ${hostId}, which are here, as this machine's`;
  context.output.note(
    `started ${workers.length === 1 ? 'a worker' : `${workers.length} workers`} for this run: pid ${workers.map((w) => w.pid).join(', ')}${rebound}`,
  );
}

/** Whether what a worker of the run's host reads lies here too. */
async function hasFiles({ revision, places = [] }: WorkersWanted): Promise<boolean> {
  const corpus = revision.parts.map(({ location }) => location).filter((location) => !location.includes('://'));
  const needed = [...corpus, ...places];
  const found = await Promise.all(
    needed.map((place) =>
      access(place).then(
        () => true,
        () => false,
      ),
    ),
  );
  return needed.length > 0 && found.every(Boolean);
}

export interface AnswerWanted {
  readonly client: Client;
  readonly at: TemporalAddress;
  readonly context: CommandContext;
  readonly run: string;
  readonly workflowId: string;
  /** Whether a worker that answers is started where there is none. */
  readonly start: boolean;
}

/** Sees to it that what a run's workflow was told reaches somebody: by a worker for workflows alone, or by naming the queue. */
export async function ensureAnswer({ client, at, context, run, workflowId, start }: AnswerWanted): Promise<void> {
  const folder = await stackFolder(context);
  const [state] = await queueStates({ client, at, folder, workflowId }, [QUEUES.orchestrate]);
  if (state === undefined || state.proved || (state.served && (await isAnswered(client, workflowId)))) return;
  if (!start) {
    context.output.note(unservedNote(run, { queue: QUEUES.orchestrate, waiting: null }));
    return;
  }
  const { pid } = await startWorker({
    ...{ folder, address: at.address, namespace: at.namespace, device: 'cpu', slots: 1 },
    ...{ roles: ['orchestrate'], exitWithRun: workflowId },
  });
  context.output.note(
    `nobody served the queue ${QUEUES.orchestrate}: started a worker that ends with the run, pid ${pid}`,
  );
}

/** Says which of the queues nobody serves: what was asked for begins when somebody does. */
export async function noteUnserved(
  who: string,
  { client, at, context }: Pick<Asked, 'client'> & Pick<WorkersWanted, 'at' | 'context'>,
  queues: readonly string[],
): Promise<void> {
  const states = await queueStates({ client, at, folder: await stackFolder(context), workflowId: '' }, queues);
  for (const { queue, served } of states) if (!served) context.output.note(unservedNote(who, { queue, waiting: null }));
}

const VIGIL_MS = 10_000;
/** A worker that dies again and again is not started without end. */
const STARTS = 3;

/**
 * Looked at while a run is followed: says once which queue work waits in that nobody serves, and starts a worker where `run` promises one.
 * @param everyMs least time between two looks
 */
export function createVigil(input: WorkersWanted, everyMs = VIGIL_MS): () => Promise<void> {
  let lookedMs = Date.now();
  let named = '';
  let starts = 0;
  return async () => {
    if (Date.now() - lookedMs < everyMs) return;
    const states = await statesOf(input).catch(() => []);
    lookedMs = Date.now();
    const waiting = states.filter(({ served, waiting: tasks }) => !served && tasks !== 0);
    const names = waiting.map(({ queue }) => queue);
    if (names.length > 0 && names.join() !== named)
      for (const state of waiting) input.context.output.note(unservedNote(input.revision.name, state));
    named = names.join();
    if (names.length === 0 || input.workers !== undefined || starts === STARTS) return;
    starts++;
    await startWorkers(input, 1, names);
  };
}
