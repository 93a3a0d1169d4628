// Finds runs and reads what the store knows of them: plan, events, sign of life. Asks no Temporal.
import { z } from 'zod';
import type { RUN_STATES } from '../../schemas/documents/runs.js';
import { InputError } from '../../schemas/errors.js';
import { stageName, type RunEvent } from '../../schemas/records.js';
import { nearestNames } from '../../core/text/nearest-names.js';
import type { ObjectStore } from '../objects/object-store.js';
import { lastEvent, readEvents } from './events.js';
import type { RunRevision } from './key-layout.js';
import { mapParallel } from './parallel.js';
import { beingRemoved, listRevisions, listRuns, readRevisions } from './revisions.js';
import { getBeat } from './runs.js';

export type RunState = (typeof RUN_STATES)[number];

const READS_AT_ONCE = 16;

const count = z.number().int().nonnegative();

const storedBeat = z.looseObject({
  atMs: z.number(),
  worker: z.string().optional(),
  stage: stageName.optional(),
  lot: count.optional(),
  progress: z.record(z.string(), z.unknown()).optional(),
});
export type StoredBeat = z.infer<typeof storedBeat>;

/** The latest (or the named) revision of a run. @throws InputError where it is being removed, or there is none, with the nearest names */
export async function findRun(store: ObjectStore, name: string, revision?: number): Promise<RunRevision> {
  if (name === '') throw await unknownRun(store, name);
  const { revisions, removing } = await readRevisions(store, name);
  const latest = revisions.at(-1);
  if (removing) throw beingRemoved(store, name);
  if (latest === undefined) throw await unknownRun(store, name);
  if (revision === undefined) return { name, revision: latest };
  if (revisions.includes(revision)) return { name, revision };
  throw new InputError(`Expected a revision of run "${name}", found ${revision}; there are ${revisions.join(', ')}.`, {
    name,
    revision,
    revisions,
  });
}

async function unknownRun(store: ObjectStore, name: string): Promise<InputError> {
  const names = (await listRuns(store)).filter(({ removing }) => !removing).map((run) => run.name);
  const near = nearestNames(name, names);
  const remedy =
    near.length > 0
      ? `did you mean ${near.join(' or ')}?`
      : names.length > 0
        ? `there are ${names.join(', ')}.`
        : 'this store holds none yet; is it the store that you mean (--store)?';
  return new InputError(`Expected the name of a run, found "${name}", which is none; ${remedy}`, {
    name,
    candidates: near,
    store: store.url,
  });
}

/** The latest sign of life; null where no worker gave one. */
export function readBeat(store: ObjectStore, run: RunRevision): Promise<StoredBeat | null> {
  return getBeat(store, run, storedBeat);
}

export interface RunHistory {
  readonly state: RunState;
  /** Why it is paused or failed. */
  readonly reason: string | null;
  readonly stage: z.infer<typeof stageName> | null;
  readonly startedMs: number | null;
  readonly changedMs: number | null;
  /** The process that does all of it, where one does (a training without Temporal). */
  readonly process: RecordedProcess | null;
}

const recordedProcess = z.object({ pid: count, host: z.string(), machine: z.string(), start: z.string() });
export type RecordedProcess = z.infer<typeof recordedProcess>;

const ENDED: readonly RunState[] = ['completed', 'failed', 'cancelled'];

/**
 * What the events say about a run; `started` after an end means that it was resumed. Nothing else changes an end: a pause that came in
 * the last moment may be stored behind it.
 */
export function foldEvents(events: readonly RunEvent[]): RunHistory {
  let state: RunState = 'unknown';
  let reason: string | null = null;
  let stage: RunHistory['stage'] = null;
  for (const { type, data } of events) {
    if (hasEnded(state) && type !== 'started') continue;
    const named = stageName.safeParse(data['stage']);
    if (named.success) stage = named.data;
    const next = stateAfter(type, state);
    if (next !== state) reason = null;
    state = next;
    const why = data['reason'] ?? data['message'];
    if ((state === 'paused' || state === 'failed') && typeof why === 'string') reason = why;
  }
  return {
    state,
    reason,
    stage,
    startedMs: events[0]?.atMs ?? null,
    changedMs: events.at(-1)?.atMs ?? null,
    process: recordedProcess.safeParse(events.findLast(({ type }) => type === 'started')?.data['process']).data ?? null,
  };
}

function stateAfter(type: string, state: RunState): RunState {
  if (type === 'paused' || type === 'completed' || type === 'failed' || type === 'cancelled') return type;
  if (type === 'started' || type === 'unpaused') return 'running';
  return state === 'unknown' ? 'running' : state;
}

/**
 * Names of runs that are at work in any of their revisions; reads of most runs no more than their last event.
 * @throws DataError naming an event that is damaged
 */
export async function listActiveRuns(store: ObjectStore): Promise<string[]> {
  const revisions = (await listRuns(store)).flatMap(({ name, all }) => all.map((one) => ({ name, ...one })));
  const active = await mapParallel(revisions, READS_AT_ONCE, async (run) => {
    const last = await lastEvent(store, run);
    if (last === null || ENDED.some((state) => state === last.type)) return [];
    // What a removal left is no chain any more; its last event goes last.
    if (!run.headed) return [run.name];
    const { state } = foldEvents(await readEvents(store, run));
    return state === 'unknown' || hasEnded(state) ? [] : [run.name];
  });
  return [...new Set(active.flat())];
}

/** Whether nothing more will happen unless someone resumes it. */
export function hasEnded(state: RunState): boolean {
  return ENDED.includes(state);
}

/** The revision to compare with: the named one, else the one before; null where there is none. */
export async function earlierRevision(store: ObjectStore, run: RunRevision, named?: number): Promise<number | null> {
  if (named !== undefined) return (await findRun(store, run.name, named)).revision;
  return (await listRevisions(store, run.name)).findLast((revision) => revision < run.revision) ?? null;
}
