// One line's worth of every run in a store.
import type { z } from 'zod';
import type { runsDocument } from '../../schemas/documents/runs.js';
import { DataError } from '../../schemas/errors.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { readEvents } from '../../storage/records/events.js';
import { mapParallel } from '../../storage/records/parallel.js';
import { listRuns, type ListedRun } from '../../storage/records/revisions.js';
import { readBeat } from '../../storage/records/run-history.js';
import { liveHistory } from '../../stages/live-history.js';

const RUNS_AT_ONCE = 8;

/** The latest revision of every run (or of those of the given names), in the order of names. */
export async function listRunSummaries(
  store: ObjectStore,
  { nowMs = Date.now(), names = null }: { readonly nowMs?: number; readonly names?: ReadonlySet<string> | null } = {},
): Promise<z.infer<typeof runsDocument>> {
  const wanted = (await listRuns(store)).filter(({ name }) => names === null || names.has(name));
  return mapParallel(wanted, RUNS_AT_ONCE, (run) => summaryOf(store, run, nowMs));
}

async function summaryOf(
  store: ObjectStore,
  { name, revisions, highest, removing }: ListedRun,
  nowMs: number,
): Promise<z.infer<typeof runsDocument>[number]> {
  const run = { name, revision: revisions.at(-1) ?? highest };
  const nothing = { stage: null, startedMs: null, changedMs: null, beatAgeSeconds: null };
  if (removing) return { run: name, revision: run.revision, state: 'removing', ...nothing };
  try {
    const [events, beat] = await Promise.all([readEvents(store, run), readBeat(store, run)]);
    const { state, stage, startedMs, changedMs } = await liveHistory(events);
    const beatAgeSeconds = beat === null ? null : Math.max(0, (nowMs - beat.atMs) / 1000);
    return { run: name, revision: run.revision, state, stage, startedMs, changedMs, beatAgeSeconds };
  } catch (error) {
    // One damaged run hides no other; `status` of it says what is wrong.
    if (!(error instanceof DataError)) throw error;
    return { run: name, revision: run.revision, state: 'damaged', ...nothing };
  }
}
