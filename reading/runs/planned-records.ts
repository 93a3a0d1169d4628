// Counts what of a run's plan is committed or quarantined. Keys are shared: under one lie the commits and failures of other runs
// too, and those are none of this run's.
import type { PlanRecord } from '../../storage/records/plan-record.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { listCommitInputs } from '../../storage/records/commits.js';
import { getInputs } from '../../storage/records/planned-inputs.js';
import { listQuarantineInputs } from '../../storage/records/quarantine.js';

export type PlannedEntry = Pick<PlanRecord['stages'][number], 'stage' | 'planned' | 'inputs'>;

export interface PlannedRecords {
  readonly done: number;
  readonly quarantined: number;
}

/** Lists by the digests of their chunks: they never change, and commands that watch a run ask again and again. */
const lists = new WeakMap<ObjectStore, Map<string, Promise<ReadonlySet<string>>>>();

/** Inputs that the run planned; null where its plan does not say (not planned yet, or by an earlier release). */
export async function plannedInputs(store: ObjectStore, entry: PlannedEntry): Promise<ReadonlySet<string> | null> {
  const { inputs: chunks } = entry;
  if (chunks === undefined) return null;
  const known = lists.get(store) ?? new Map<string, Promise<ReadonlySet<string>>>();
  lists.set(store, known);
  const name = chunks.map(({ sha256 }) => sha256).join();
  const found = known.get(name) ?? getInputs(store, chunks).then((list) => new Set(list.map(([input]) => input)));
  known.set(name, found);
  found.catch(() => known.delete(name));
  return found;
}

/** @param planned how many the run planned, where its plan does not name them: no more than these are its own */
export async function countPlanned(
  store: ObjectStore,
  key: string,
  { planned, ...entry }: PlannedEntry,
): Promise<PlannedRecords> {
  const [own, committed, bad] = await Promise.all([
    plannedInputs(store, { planned, ...entry }),
    listCommitInputs(store, entry.stage, key),
    listQuarantineInputs(store, entry.stage, key),
  ]);
  const failed = [...bad].filter((input) => !committed.has(input));
  if (own === null) {
    const done = Math.min(committed.size, planned ?? 0);
    return { done, quarantined: Math.min(failed.length, (planned ?? 0) - done) };
  }
  return {
    done: [...own].filter((input) => committed.has(input)).length,
    quarantined: failed.filter((input) => own.has(input)).length,
  };
}
