// The quarantined shards of a run, by the keys of its stages.
import type { z } from 'zod';
import type { quarantineDocument } from '../../schemas/documents/runs.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { RunRevision } from '../../storage/records/key-layout.js';
import { listQuarantine } from '../../storage/records/quarantine.js';
import { readRunStatus } from './run-status.js';

/** All of them, in the order of stages and shards. */
export async function readQuarantined(
  store: ObjectStore,
  run: RunRevision,
): Promise<z.infer<typeof quarantineDocument>> {
  const { stages } = await readRunStatus(store, run);
  const shards: z.infer<typeof quarantineDocument>['shards'] = [];
  const seen = new Set<string>();
  for (const { stage, key } of stages) {
    if (key === null || seen.has(key)) continue;
    seen.add(key);
    const records = await listQuarantine(store, stage, key);
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
