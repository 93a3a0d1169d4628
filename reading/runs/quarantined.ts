// The quarantined shards of a run, by the keys of its stages.
import type { z } from 'zod';
import type { quarantineDocument } from '../../schemas/documents/runs.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { RunRevision } from '../../storage/records/key-layout.js';
import { readPlan, type PlanRecord } from '../../storage/records/plan-record.js';
import { listQuarantine } from '../../storage/records/quarantine.js';
import { plannedInputs } from './planned-records.js';
import { readRunStatus } from './run-status.js';

/** All of them, in the order of stages and shards. */
export async function readQuarantined(
  store: ObjectStore,
  run: RunRevision,
): Promise<z.infer<typeof quarantineDocument>> {
  const [{ stages }, plan] = await Promise.all([readRunStatus(store, run), readPlan(store, run)]);
  const shards: z.infer<typeof quarantineDocument>['shards'] = [];
  const seen = new Set<string>();
  for (const { stage, key } of stages) {
    if (key === null || seen.has(key)) continue;
    seen.add(key);
    const all = await listQuarantine(store, stage, key);
    const own = await ownInputs(store, plan, { stage, key });
    const records = all.filter(({ input }) => own?.has(input) ?? true);
    records.sort((a, b) => (a.shard < b.shard ? -1 : a.shard > b.shard ? 1 : 0));
    for (const { shard, split, errorClass, message, details, attempts, atMs, input } of records) {
      shards.push({
        stage,
        shard,
        split,
        errorClass,
        message,
        details,
        attempts,
        atMs,
        key,
        input,
      });
    }
  }
  return { run: run.name, revision: run.revision, shards };
}

/** What the run planned under a key, which other runs may share; null where its plan does not say. */
async function ownInputs(
  store: ObjectStore,
  plan: PlanRecord | null,
  of: { readonly stage: string; readonly key: string },
): Promise<ReadonlySet<string> | null> {
  const entries = (plan?.stages ?? []).filter(({ stage, key }) => stage === of.stage && key === of.key);
  const lists = await Promise.all(entries.map((entry) => plannedInputs(store, entry)));
  if (lists.length === 0) return null;
  const own = new Set<string>();
  for (const list of lists) {
    if (list === null) return null;
    for (const input of list) own.add(input);
  }
  return own;
}
