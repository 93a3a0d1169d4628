// Watches a suite to its end: how each of its runs ended, and how it did itself, by its events, by what became of its records, and where
// neither says anything by its workflow.
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { EXIT } from '../../schemas/exit.js';
import type { SuiteRecord } from '../../schemas/suite.js';
import { memberNames } from '../../pipeline/files/matrix.js';
import { readSuiteStatus, type SuiteStatus } from '../../reading/runs/suite-status.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { readEvents } from '../../storage/records/events.js';
import { foldEvents, hasEnded, type RunState } from '../../storage/records/run-history.js';
import type { CommandContext } from '../command.js';
import { suiteLine } from '../render/suite-text.js';
import { howItEnded, isRemoved, removedTold, type Told } from './run-end.js';
import type { RunFailure } from './run-failure.js';

const POLL_MS = 1000;

interface FollowedSuite {
  readonly workflow: WorkflowHandle;
  /** First execution of the workflow that is followed. */
  readonly runId: string;
  readonly context: CommandContext;
  readonly vigil: () => Promise<void>;
}

export interface SuiteEnd {
  readonly state: 'completed' | 'failed' | 'running' | 'cancelled';
  readonly text: string;
  readonly exitCode: number;
  readonly failure: RunFailure | null;
}

export async function followSuite(
  store: ObjectStore,
  suite: SuiteRecord,
  { workflow, runId, context, vigil }: FollowedSuite,
): Promise<SuiteEnd> {
  const { output, io } = context;
  const { name } = suite;
  const told = new Set<string>();
  for (;;) {
    // A server that is restarting says nothing: the records in the store say more.
    const now = await workflow.describe().catch(() => null);
    const closed =
      now !== null && (now.status.name !== 'RUNNING' || (now.raw.workflowExecutionInfo?.firstRunId ?? runId) !== runId);
    const status = await readSuiteStatus(store, suite, memberNames(suite));
    for (const { run, state, reason } of status.members) {
      if (!hasEnded(state === 'waiting' ? 'unknown' : state) || told.has(run)) continue;
      told.add(run);
      output.note(`${run}  ${state}${reason === null ? '' : `: ${reason}`}`);
    }
    output.progress(suiteLine(status));
    if (closed) {
      output.progress(null);
      return suiteEnd({ store, suite, workflow, runId }, status);
    }
    if (io.signal.aborted) {
      output.progress(null);
      const text = `${name} goes on without this terminal. Follow it with: assay resume ${name} --follow; stop it with: assay cancel ${name}`;
      return { state: 'running', text, exitCode: EXIT.interrupted, failure: null };
    }
    await vigil();
    await sleep(POLL_MS, undefined, { signal: io.signal }).catch(() => undefined);
  }
}

interface EndedSuite extends Pick<FollowedSuite, 'workflow' | 'runId'> {
  readonly store: ObjectStore;
  readonly suite: SuiteRecord;
}

async function suiteEnd({ store, suite, workflow, runId }: EndedSuite, status: SuiteStatus): Promise<SuiteEnd> {
  const state = await stateOf(store, suite, runId);
  if (state === 'completed') return { state, text: `${suiteLine(status)}.`, exitCode: EXIT.done, failure: null };
  const line = suiteLine(status);
  const bad = status.members.filter((member) => member.state === 'failed' || member.state === 'cancelled');
  const ended = ({ head, message, remedy }: Told): SuiteEnd => ({
    state: state === 'cancelled' ? state : 'failed',
    exitCode: EXIT.failed,
    text: `${line}. ${head} ${remedy}`,
    failure: {
      ...{ class: null, stage: null, step: null, key: null, message, remedy },
      details: { runs: Object.fromEntries(bad.map((member) => [member.run, member.reason ?? member.state])) },
    },
  });
  if (await isRemoved(store, suite)) return ended(removedTold(suite.name));
  if (!hasEnded(state)) return ended(await howItEnded(suite.name, workflow));
  const remedy = `${bad.length > 0 && state !== 'cancelled' ? 'Mend the cause, then' : 'Go on with'}: assay resume ${suite.name}`;
  return ended({ head: 'What is committed stays.', message: status.reason ?? line, remedy });
}

/** How the followed execution ended by its own events: how an earlier one did says nothing of it. */
async function stateOf(store: ObjectStore, suite: SuiteRecord, runId: string): Promise<RunState> {
  const events = await readEvents(store, suite);
  const start = events.findLastIndex(({ type }) => type === 'started');
  const execution = events[start]?.data['execution'];
  const isOwn = start >= 0 && (execution === runId || execution === undefined);
  return isOwn ? foldEvents(events.slice(start)).state : 'unknown';
}
