// Progress of a run from the store alone: planned = the stored plan, or what later snapshots and events add to it; done = what of
// that is committed.
import type { z } from 'zod';
import type { statusDocument } from '../../schemas/documents/runs.js';
import { LIMITS } from '../../schemas/orchestration.js';
import type { RunEvent, Snapshot } from '../../schemas/records.js';
import { readPlan, type PlanRecord } from '../../storage/records/plan-record.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { readEvents } from '../../storage/records/events.js';
import type { RunRevision } from '../../storage/records/key-layout.js';
import { mapParallel } from '../../storage/records/parallel.js';
import { latestSnapshots } from '../datasets/pinned.js';
import { readBeat } from '../../storage/records/run-history.js';
import { liveHistory } from '../../stages/live-history.js';
import { countPlanned, type PlannedEntry, type PlannedRecords } from './planned-records.js';

export type RunStatus = z.infer<typeof statusDocument>;
type StageStatus = RunStatus['stages'][number];

const LISTINGS_AT_ONCE = 8;

/** What the store says about a revision at `nowMs`. */
export async function readRunStatus(store: ObjectStore, run: RunRevision, nowMs = Date.now()): Promise<RunStatus> {
  const [plan, events, beat, snapshots] = await Promise.all([
    readPlan(store, run),
    readEvents(store, run),
    readBeat(store, run),
    latestSnapshots(store, run.name),
  ]);
  const { state, reason, startedMs, changedMs } = await liveHistory(events);
  const beatAgeSeconds = beat === null ? null : Math.max(0, (nowMs - beat.atMs) / 1000);
  const silentMs = nowMs - Math.max(beat?.atMs ?? 0, changedMs ?? 0);
  const own = snapshots.filter((snapshot) => snapshot.revision === run.revision);
  return {
    run: run.name,
    revision: run.revision,
    state,
    reason,
    startedMs,
    changedMs,
    beatAgeSeconds,
    signOfLife: state !== 'running' || silentMs < LIMITS.staleBeatMs,
    beat: beat === null ? null : { atMs: beat.atMs, stage: beat.stage ?? null, progress: beat.progress ?? {} },
    stages: await stageStatuses(store, plannedDatasets(plan, own), events),
  };
}

interface PlannedDataset {
  readonly entry: Pick<PlanRecord['stages'][number], 'stage' | 'dataset' | 'key' | 'planned' | 'inputs'>;
  readonly snapshot: Snapshot | null;
}

/** The plan's datasets in its order, then datasets that the revision published without the plan naming them. */
function plannedDatasets(plan: PlanRecord | null, snapshots: readonly Snapshot[]): PlannedDataset[] {
  const byName = new Map(snapshots.map((snapshot) => [snapshot.dataset, snapshot]));
  const planned = (plan?.stages ?? []).map((entry) => ({
    entry,
    snapshot: byName.get(entry.dataset) ?? null,
  }));
  const named = new Set(planned.map(({ entry }) => entry.dataset));
  const others = snapshots
    .filter((snapshot) => !named.has(snapshot.dataset))
    .map((snapshot) => ({ entry: snapshot, snapshot }));
  return [...planned, ...others];
}

async function stageStatuses(
  store: ObjectStore,
  datasets: readonly PlannedDataset[],
  events: readonly RunEvent[],
): Promise<StageStatus[]> {
  const counts = new Map<string, Promise<PlannedRecords>>();
  const counted = (key: string, entry: PlannedEntry): Promise<PlannedRecords> => {
    // Datasets of one step share their key and their list.
    const name = [entry.stage, key, entry.planned, ...(entry.inputs ?? []).map(({ sha256 }) => sha256)].join(' ');
    const known = counts.get(name) ?? countPlanned(store, key, entry);
    counts.set(name, known);
    return known;
  };
  return mapParallel(datasets, LISTINGS_AT_ONCE, async ({ entry, snapshot }) => {
    const { stage, dataset, inputs } = entry;
    const key = snapshot?.key ?? entry.key;
    const planned = snapshot?.planned ?? entry.planned ?? (key === null ? null : plannedByEvents(events, stage));
    const found = key === null || snapshot?.complete ? null : await counted(key, { stage, planned, inputs });
    return {
      stage,
      dataset,
      key,
      done: Math.max(snapshot?.commits ?? 0, found?.done ?? 0),
      planned,
      quarantined: snapshot?.complete ? snapshot.quarantined : (found?.quarantined ?? 0),
      rows: snapshot === null ? null : Object.values(snapshot.rows).reduce((sum, rows) => sum + rows, 0),
    };
  });
}

function plannedByEvents(events: readonly RunEvent[], stage: string): number | null {
  const started = events.findLast((event) => event.type === 'stage-started' && event.data['stage'] === stage);
  const planned = started?.data['planned'];
  return typeof planned === 'number' ? planned : null;
}
