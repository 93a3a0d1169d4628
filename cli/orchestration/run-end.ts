// How a run that was followed has ended, for a person and for a program: by its events, by what became of its records, and where neither
// says anything by its workflow.
import type { WorkflowHandle } from '@temporalio/client';
import type { RUN_STATES } from '../../schemas/documents/runs.js';
import { EXIT } from '../../schemas/exit.js';
import type { RunEvent } from '../../schemas/records.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { RunRevision } from '../../storage/records/key-layout.js';
import { readRevisions } from '../../storage/records/revisions.js';
import { foldEvents } from '../../storage/records/run-history.js';
import { counted, countText } from '../render/quantities.js';
import { recomputedIn, type Recomputed } from './recount.js';
import { stopped, type RunFailure, type StoppedRun } from './run-failure.js';

export interface RunEnd {
  readonly state: (typeof RUN_STATES)[number];
  readonly text: string;
  readonly exitCode: number;
  /** What was computed anew and compared with what is stored; only where that was asked for. */
  readonly recomputed?: Recomputed;
  /** Why it did not come to its end; null where it did, or goes on. */
  readonly failure: RunFailure | null;
}

export interface EndedRun {
  readonly store: ObjectStore;
  readonly run: ResolvedRun;
  /** The execution that has closed. */
  readonly workflow: WorkflowHandle;
}

/** @param events of that execution, in their order */
export async function runEnd({ store, run, workflow }: EndedRun, events: readonly RunEvent[]): Promise<RunEnd> {
  const end = endOf(run, events);
  if (end?.state !== 'completed' && (await isRemoved(store, run)))
    return stopped(run, events, { state: 'failed', ...removedTold(run.name) });
  return end ?? stopped(run, events, { state: 'failed', ...(await howItEnded(run.name, workflow)) });
}

/** Whether somebody removed the revision: nothing can go on with it, whatever its last events say. */
export async function isRemoved(store: ObjectStore, { name, revision }: RunRevision): Promise<boolean> {
  const { all } = await readRevisions(store, name);
  return !all.some((one) => one.revision === revision && one.headed);
}

/** What is said of such a run or suite. */
export function removedTold(name: string): Told {
  const message = 'it was removed before it had come to its end';
  const remedy = `Remove what is left with \`assay rm ${name}\`; \`assay run\` with its file starts it anew.`;
  return { head: `${name}: ${message}.`, message, remedy };
}

/** Why something did not come to its end: as the head of a text, as a sentence alone, and what to do next. */
export type Told = Pick<StoppedRun, 'head' | 'message' | 'remedy'>;

/** Why a workflow closed without an event, as where the store could not be written. */
export async function howItEnded(name: string, workflow: WorkflowHandle): Promise<Told> {
  const sentence = (message: string): Told => ({
    ...{ head: `${name} ${message}`, message: `it ${message}`, remedy: `Go on with: assay resume ${name}` },
  });
  const { status } = await workflow.describe();
  if (status.name === 'TERMINATED') return sentence('was terminated from outside.');
  try {
    await workflow.result();
    return sentence('ended without saying why.');
  } catch (error) {
    let cause = error as Error;
    while (cause.cause instanceof Error) cause = cause.cause;
    return {
      head: `${name} failed, and its end could not be stored: ${cause.message}`,
      message: cause.message,
      remedy: `Mend the cause, then: assay resume ${name}`,
    };
  }
}

/** How the events say that the run ended; null where they do not. */
function endOf(run: ResolvedRun, all: readonly RunEvent[]): RunEnd | null {
  const { state, reason } = foldEvents(all);
  // Behind the end may stand what a signal of the last moment brought about.
  const events = all.slice(0, all.findLastIndex(({ type }) => type === state) + 1);
  const data = events.at(-1)?.data ?? {};
  if (state === 'completed') return completed(run, events);
  if (state === 'cancelled') {
    const remedy = `Go on with: assay resume ${run.name}`;
    return stopped(run, events, { state, head: `${run.name} was cancelled.`, message: 'it was cancelled', remedy });
  }
  if (state !== 'failed') return null;
  const where = typeof data['stage'] === 'string' ? ` in stage ${data['stage']}` : '';
  return stopped(run, events, {
    ...{ state, head: `${run.name} failed${where}: ${reason ?? ''}`, message: reason ?? 'nothing was said' },
    remedy: `What is committed stays; mend the cause, then: assay resume ${run.name}`,
  });
}

function completed(run: ResolvedRun, events: readonly RunEvent[]): RunEnd {
  const state = 'completed';
  const recomputed = recomputedIn(events);
  const anew = recomputed === null ? {} : { recomputed };
  if (recomputed !== null && recomputed.different > 0) {
    const { shards, different } = recomputed;
    const differ = `${countText(different)} of ${counted(shards, 'recomputed shard')} ${different === 1 ? 'differs from its commit' : 'differ from their commits'}`;
    return {
      ...stopped(run, events, {
        ...{
          state,
          head: `${run.name}: ${differ} (nothing was replaced).`,
          message: `${differ}; nothing was replaced`,
        },
        remedy: `\`assay logs ${run.name}\` names them, ten of a lot at most.`,
      }),
      ...anew,
    };
  }
  const quarantined = events
    .filter((e) => e.type === 'stage-finished')
    .reduce((n, e) => n + Number(e.data['quarantined'] ?? 0), 0);
  const compared =
    recomputed === null ? '' : ` Recomputed ${counted(recomputed.shards, 'shard')}: none differs from what was stored.`;
  const warning =
    quarantined > 0
      ? ` Warning: ${counted(quarantined, 'shard')} ${quarantined === 1 ? 'is' : 'are'} quarantined (assay quarantine ${run.name}).`
      : '';
  return {
    ...{ state, exitCode: EXIT.done, ...anew, failure: null },
    text: `${run.name} is complete.${compared}${warning}`,
  };
}
