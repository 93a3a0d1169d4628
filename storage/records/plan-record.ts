// `runs/<name>/<revision>/plan.json`: what each stage plans, as far as it is known. Rewritten by the one orchestrating activity as
// stages become plannable; `status` reads it.
import { z } from 'zod';
import { stageName } from '../../schemas/records.js';
import type { ObjectStore } from '../objects/object-store.js';
import { revisionPrefix, type RunRevision } from './key-layout.js';
import { encodeRecord, readRecord } from './record-io.js';

const count = z.number().int().nonnegative();

export const planRecord = z.strictObject({
  formatVersion: z.literal(1),
  run: z.string(),
  revision: count,
  stages: z.array(
    z.strictObject({
      stage: stageName,
      step: z.string().optional().describe('the step that makes it; absent in plans of earlier releases'),
      dataset: z.string(),
      tables: z.array(z.string()),
      key: z.string().nullable().describe('null: known only after an earlier stage'),
      planned: count.nullable(),
      inputs: z
        .array(z.strictObject({ key: z.string(), sha256: z.string(), bytes: count }))
        .optional()
        .describe('lists of the planned [input, split]; absent before it is planned and in plans of earlier releases'),
      size: z.number().nullable().describe('work of all items: tokens or rows'),
    }),
  ),
});
export type PlanRecord = z.infer<typeof planRecord>;
export function planKey(run: RunRevision): string {
  return `${revisionPrefix(run)}plan.json`;
}

export function readPlan(store: ObjectStore, run: RunRevision): Promise<PlanRecord | null> {
  return readRecord(store, planKey(run), planRecord);
}

export async function writePlan(store: ObjectStore, plan: PlanRecord): Promise<void> {
  const key = planKey({ name: plan.run, revision: plan.revision });
  await store.put(key, encodeRecord(key, plan, planRecord));
}

/** Stores a first plan; one that is there stays, since it may say more by now. */
export async function createPlan(store: ObjectStore, plan: PlanRecord): Promise<void> {
  const key = planKey({ name: plan.run, revision: plan.revision });
  await store.putIfAbsent(key, encodeRecord(key, plan, planRecord));
}
