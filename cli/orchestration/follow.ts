// Watches a run to its end: what its events tell as lines, the stage that is at work as a live line (counted from the store's records;
// what is computed anew from the stages' workflows). Only the execution that is followed counts; how it ended is told in run-end.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { EXIT } from '../../schemas/exit.js';
import type { StageName } from '../../schemas/stages.js';
import type { RunEvent } from '../../schemas/records.js';
import { readPlan } from '../../storage/records/plan-record.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { lastEvent, readEvents } from '../../storage/records/events.js';
import { countPlanned } from '../../reading/runs/planned-records.js';
import { trainingSteps } from '../../reading/runs/training-steps.js';
import type { CommandContext } from '../command.js';
import { foldEvents, readBeat } from '../../storage/records/run-history.js';
import { liveLineText } from '../terminal/live-line.js';
import { computesAnew, Recounter } from './recount.js';
import { runEnd, type RunEnd } from './run-end.js';
import { StageMeter, type StageMeasure } from './stage-meter.js';
import type { StartedWorkflow } from './start-workflow.js';
import { StepLines } from './step-lines.js';
import { stopped } from './run-failure.js';

export interface FollowInput {
  readonly store: ObjectStore;
  readonly run: ResolvedRun;
  /** The execution that is followed, and no other under its id. */
  readonly workflow: WorkflowHandle;
  readonly execution: StartedWorkflow;
  readonly context: CommandContext;
  /** Looks after the queues that the run needs. */
  readonly vigil: () => Promise<void>;
}

const POLL_MS = 500;
/** Without a terminal a stage's line is written at most this often. */
const QUIET_MS = 10_000;
/** At first as often as this. */
const FIRST_QUIET_MS = 2000;

export async function followRun(input: FollowInput): Promise<RunEnd> {
  const { store, run, workflow, execution, context } = input;
  const { output, io } = context;
  const meter = new StageMeter();
  const lines = new StepLines(run);
  const recounter = new Recounter(workflow);
  let seen: RunEvent | undefined;
  let events: RunEvent[] = [];
  let spokeMs = Date.now();
  const quietMs = (): number => Math.min(QUIET_MS, Math.max(FIRST_QUIET_MS, (Date.now() - meter.startedMs) / 6));
  for (;;) {
    const closed = await isClosed(workflow);
    const fresh = await readEvents(store, run, seen);
    events = [...events, ...fresh];
    seen = fresh.at(-1) ?? seen;
    const own = eventsOf(execution, events);
    for (const event of fresh.filter((one) => own.includes(one))) {
      if (event.type === 'stage-started') meter.start(event.data['stage'] as StageName, event.atMs);
      const line = lines.of(event);
      if (line !== null) output.note(line);
    }
    const { stage, state, reason } = foldEvents(own);
    if (state === 'paused' && reason !== null && !reason.startsWith('paused by')) {
      return stopped(run, own, {
        ...{ state, message: reason, head: `${run.name} is paused: ${reason}.` },
        remedy: `Look at the shards with \`assay quarantine ${run.name}\`; go on with \`assay unpause ${run.name}\`.`,
      });
    }
    if (closed) {
      const told = eventsOf(execution, await settled(store, run, events));
      return runEnd({ store, run, workflow }, told);
    }
    if (stage === null || !isAtWork(own, stage)) output.progress(null);
    else {
      const measured = await measure(store, run, stage);
      const anew = computesAnew(own) ? await recounter.count(stage, own) : {};
      const line = measured && meter.line({ ...measured, ...anew }, await readBeat(store, run));
      output.progress(line);
      if (line !== null && !io.stderr.live && Date.now() - spokeMs > quietMs()) {
        spokeMs = Date.now();
        output.note(liveLineText(line));
      }
    }
    if (io.signal.aborted) {
      output.progress(null);
      return {
        state: 'running',
        exitCode: EXIT.interrupted,
        failure: null,
        text: `${run.name} goes on without this terminal. Follow it with: assay resume ${run.name} --follow; stop it with: assay cancel ${run.name}`,
      };
    }
    await input.vigil();
    await sleep(POLL_MS);
  }
}

/** Whether a step of the stage has begun and not ended; between two stages there is nothing to measure. */
function isAtWork(events: readonly RunEvent[], stage: StageName): boolean {
  const open = new Set<unknown>();
  for (const { type, data } of events) {
    if (data['stage'] !== stage) continue;
    const step = data['step'] ?? stage;
    if (type === 'stage-started') open.add(step);
    if (type === 'stage-finished') open.delete(step);
  }
  return open.size > 0;
}

/** Events of one execution: a resumed run is not judged by how it ended before, not even where the new one tells nothing. */
function eventsOf({ runId, joined }: StartedWorkflow, events: readonly RunEvent[]): readonly RunEvent[] {
  // Executions that an earlier release started do not name themselves; they can only be joined.
  const isOwn = ({ type, data }: RunEvent): boolean =>
    type === 'started' && (data['execution'] === runId || (joined && data['execution'] === undefined));
  const start = events.findLastIndex(isOwn);
  if (start < 0) return [];
  const next = events.findIndex(({ type }, i) => i > start && type === 'started');
  return events.slice(start, next < 0 ? undefined : next);
}

async function isClosed(workflow: WorkflowHandle): Promise<boolean> {
  try {
    return (await workflow.describe()).status.name !== 'RUNNING';
  } catch {
    // A server that is restarting: the run's records in the store say more.
    return false;
  }
}

/** The last event is written before the workflow closes; a termination from outside writes none. */
async function settled(
  store: ObjectStore,
  run: ResolvedRun,
  events: readonly RunEvent[],
): Promise<readonly RunEvent[]> {
  const last = await lastEvent(store, run);
  const known = events.at(-1);
  return last && last.n !== known?.n ? [...events, last] : events;
}

/** Done and planned of one stage, by one listing per key; null where the plan is gone, as with a run that is being removed. */
async function measure(store: ObjectStore, run: ResolvedRun, stage: StageName): Promise<StageMeasure | null> {
  const plan = await readPlan(store, run);
  if (plan === null) return null;
  const rows = plan.stages.filter((row) => row.stage === stage && row.key !== null);
  const byKey = new Map(rows.map((row) => [row.key as string, row]));
  const total = { done: 0, planned: 0, size: 0, quarantined: 0 };
  for (const [key, row] of byKey) {
    const { done, quarantined } = await countPlanned(store, key, row);
    total.done += done;
    total.planned += row.planned ?? 0;
    total.size += row.size ?? 0;
    total.quarantined += quarantined;
  }
  return { stage, ...total, steps: stage === 'train' ? trainingSteps(run) : null };
}
