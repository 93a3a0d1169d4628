// Names what a step counts on, in the order that a collection of garbage beside it demands (storage/records/collection-mark.ts):
// first the run's stored plan, so that everything under its keys is in use; then a look for a collection; then the rest.
import type { StoredFile } from '../../schemas/stored.js';
import type { Step, StepUnits } from '../../stages/step.js';
import type { Work } from '../../stages/work.js';
import { untilCollected, type WaitOptions } from '../../storage/records/collection-mark.js';
import { putKeyPreimage } from '../../storage/records/key-preimages.js';
import { putInputs, type PlannedInput } from '../../storage/records/planned-inputs.js';
import { readPlan, writePlan } from '../../storage/records/plan-record.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { initialPlan, withUnits } from '../plan/plan-record.js';

export interface PlanToRecord extends WaitOptions {
  readonly work: Pick<Work, 'name' | 'revision'>;
  /** All steps of the work. */
  readonly steps: readonly Step[];
  readonly units: StepUnits;
}

/** Where the planned inputs of each group are stored; what is done may be counted from now on. */
export async function recordPlan(
  store: ObjectStore,
  plan: PlanToRecord,
): Promise<ReadonlyMap<string, readonly StoredFile[]>> {
  const { work, steps, units } = plan;
  const inputs = await storeInputs(store, units);
  await writePlan(store, withUnits((await readPlan(store, work)) ?? initialPlan(work, steps), units, inputs));
  // A collection that begins later finds the plan; one that stands may have missed it.
  if (await untilCollected(store, plan)) await storeInputs(store, units);
  for (const preimage of units.preimages) await putKeyPreimage(store, preimage);
  return inputs;
}

async function storeInputs(store: ObjectStore, units: StepUnits): Promise<Map<string, readonly StoredFile[]>> {
  const stored = new Map<string, readonly StoredFile[]>();
  for (const { group, units: list } of units.groups) {
    const inputs = list.map(({ item }): PlannedInput => [item.input, item.split]);
    stored.set(group, await putInputs(store, inputs));
  }
  return stored;
}
