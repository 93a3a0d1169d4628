// What a run would find at each of its steps if it began now: the same plans as the workers make, over the commits that lie in the
// store, whoever made them. Reads alone; a step is known where everything that it reads is there whole.
import type { ResumeMode } from '../../schemas/messages.js';
import type { Snapshot } from '../../schemas/records.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import { createPinnedReader } from '../../stages/pinned.js';
import type { DatasetUnit, Pinned, PinnedReader, StepUnits } from '../../stages/step.js';
import { workOfRun } from '../../stages/work.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { listCommits, readCommits } from '../../storage/records/commits.js';
import { knownCommits } from '../../storage/records/snapshots.js';
import { planWork, type StepWork } from './plan-work.js';
import { planSteps, stepsOfRun } from './steps.js';

/** What is planned and left of every step by its id; steps that are known only after earlier ones have work to do are missing. */
export async function foreseeSteps(
  store: ObjectStore,
  run: ResolvedRun,
  mode: ResumeMode,
): Promise<ReadonlyMap<string, StepWork>> {
  const work = workOfRun(run);
  const steps = stepsOfRun(run);
  const own = new Set(steps.flatMap(({ makes }) => makes.map(({ dataset }) => dataset)));
  const found = new Map<string, Pinned>();
  const elsewhere = createPinnedReader(store, work);
  // A dataset of this run is what its step would publish now, not what an earlier revision published.
  const pinned: PinnedReader = (dataset) =>
    own.has(dataset) ? Promise.resolve(found.get(dataset) ?? null) : elsewhere(dataset);
  const known = new Map<string, StepWork>();
  for (const step of steps) {
    const units = await planSteps(work, [step], pinned);
    if (!units) continue;
    const left = await planWork(store, units, mode);
    known.set(step.id, left);
    if (left.todo.length > 0) continue;
    for (const unit of units.datasets)
      found.set(unit.dataset, await published(store, { units, unit, revision: run.revision }));
  }
  return known;
}

interface Publishing {
  readonly units: StepUnits;
  readonly unit: DatasetUnit;
  readonly revision: number;
}

/** The snapshot that publishing the unit would make, without the segments that it would write. */
async function published(store: ObjectStore, { units, unit, revision }: Publishing): Promise<Pinned> {
  const { stage } = units;
  const { dataset, key, tables, group } = unit;
  const planned = units.groups.find((own) => own.group === group)?.units ?? [];
  const records = await listCommits(store, stage, key);
  const known = await knownCommits(store, dataset, { stage, key, records });
  const inputs = planned.map(({ item }) => item.input);
  const commits = await readCommits(store, { stage, key, inputs, known });
  const snapshot: Snapshot = {
    ...{ formatVersion: 1, dataset, version: 1, stage, key, tables: [...tables], segments: [] },
    ...{ commits: commits.length, planned: planned.length, quarantined: planned.length - commits.length },
    ...{ complete: true, rows: {}, bytes: {}, digests: {}, revision, atMs: 0 },
  };
  return { snapshot, commits, segments: [] };
}
