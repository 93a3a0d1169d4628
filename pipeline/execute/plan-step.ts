// Plans one step of a stored run: what it consists of, what is still to do, cut into lots and stored as a manifest.
import { InputError } from '../../schemas/errors.js';
import type { ResumeMode, StagePlanned } from '../../schemas/messages.js';
import { QUEUES } from '../../schemas/orchestration.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import type { ObjectRecord } from '../../schemas/records.js';
import type { StageName } from '../../schemas/stages.js';
import type { StoredFile } from '../../schemas/stored.js';
import type { PinnedReader, PlannedUnit, Step, StepUnits } from '../../stages/step.js';
import { STAGE_TABLE } from '../../stages/table.js';
import { workOfRun } from '../../stages/work.js';
import type { WaitOptions } from '../../storage/records/collection-mark.js';
import { readStoreId } from '../../storage/records/identity.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { cutLots } from '../lot/cut-lots.js';
import { writeManifest, type PlannedItem } from '../lot/manifest.js';
import { createPinnedReader } from '../../stages/pinned.js';
import { adoptWork, type StepWork } from '../plan/plan-work.js';
import { recordPlan } from './record-plan.js';
import { findSteps, planSteps, stepsOfRun } from '../plan/steps.js';

export interface PlanStepInput {
  readonly store: ObjectStore;
  readonly run: ResolvedRun;
  /** Id of the step. */
  readonly step: string;
  readonly mode: ResumeMode;
  /** Compute slots that may work at once, for cutting lots. */
  readonly slots: number;
  /** Local path of a stored object. */
  readonly fetch: (object: ObjectRecord) => Promise<string>;
  readonly signal?: AbortSignal | undefined;
  /** Called where a collection of garbage has to end first. */
  readonly onWait?: WaitOptions['onWait'];
}

/** @throws InputError where what the step reads is not complete; what its stage's check throws */
export async function planStep(input: PlanStepInput): Promise<StagePlanned> {
  const { store, run, mode, slots } = input;
  const all = stepsOfRun(run);
  const steps = findSteps(all, input.step);
  const work = workOfRun(run);
  const pinned = createPinnedReader(store, work);
  const units = (await planSteps(work, steps, pinned)) ?? (await refuse({ run, steps, pinned }));
  const row = STAGE_TABLE[units.stage];
  const { signal, onWait } = input;
  const inputs = await recordPlan(store, { work: run, steps: all, units, signal, onWait });
  const left = await adoptWork(store, units, { mode, signal });
  if (left.todo.length > 0) await row.check?.(work, pinned, input.fetch);
  const manifest = await writeManifest(store, manifestOf(units, { left, inputs }, { slots, maxSize: row.maxLotSize }));
  return {
    ...{ stageVersion: row.version, manifest: manifest.ref, lots: manifest.lots },
    ...{ items: left.todo.length, planned: left.planned, queue: queueOf(run, units.stage), chained: row.chained },
    leases: mode === 'all' ? [] : leasesOf(await readStoreId(store), units, left),
  };
}

/** Queue of a stage's lots: local files are read on the host that has them, objects of a store by anyone. */
export function queueOf(run: ResolvedRun, stage: StageName): string {
  const { queue } = STAGE_TABLE[stage];
  if (queue === 'compute') return QUEUES.compute(run.engine.provider);
  const local = run.parts.some((part) => !part.location.includes('://'));
  return queue === 'sources' && local ? QUEUES.host(run.hostId) : QUEUES.io;
}

/** Names under which something is to do: no other run may work under them meanwhile, or the work is done twice. */
function leasesOf(storeId: string, { stage, lease }: StepUnits, { todo }: StepWork): string[] {
  if (todo.length === 0) return [];
  const names = lease === undefined ? new Set(todo.flatMap(({ item }) => item.keys)) : [lease];
  return [...names].sort().map((name) => `lease/${storeId}/${stage}/${name}`);
}

async function refuse(at: {
  readonly run: ResolvedRun;
  readonly steps: readonly Step[];
  readonly pinned: PinnedReader;
}): Promise<never> {
  const { run, steps, pinned } = at;
  const missing: string[] = [];
  for (const dataset of new Set(steps.flatMap(({ reads }) => reads))) {
    const found = await pinned(dataset);
    if (!found) missing.push(`${dataset} is not complete`);
    else if (found.commits.length === 0) missing.push(`nothing of ${dataset} succeeded`);
  }
  const step = steps[0]?.id ?? '';
  throw new InputError(
    `Step ${step} of run "${run.name}" cannot be planned: ${missing.join('; ') || 'a step that it reads is not complete'}. Look at \`assay quarantine ${run.name}\`, then \`assay resume ${run.name} --mode errored\`.`,
    { step, missing },
  );
}

function manifestOf(
  units: StepUnits,
  { left, inputs }: { readonly left: StepWork; readonly inputs: ReadonlyMap<string, readonly StoredFile[]> },
  rule: Parameters<typeof cutLots>[1],
): Parameters<typeof writeManifest>[1] {
  const configs: unknown[] = [];
  const place = (unit: PlannedUnit): PlannedItem => {
    if (!configs.includes(unit.config)) configs.push(unit.config);
    return { item: unit.item, config: configs.indexOf(unit.config) };
  };
  const groups = units.groups.map((g) => g.group);
  return {
    lots: cutLots(left.todo.map(place), rule),
    configs,
    inputs: units.groups.map(({ group }) => inputs.get(group) ?? []),
    datasets: units.datasets.map(({ dataset, tables, key, group }) => ({
      dataset,
      tables,
      key,
      inputs: groups.indexOf(group),
    })),
  };
}
