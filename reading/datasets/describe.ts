// What a dataset consists of, and whether the bytes are what the records say.
import type { z } from 'zod';
import { datasetDigest } from '../../core/identity/digest.js';
import type { datasetsDocument, describeDocument, verifyDocument } from '../../schemas/documents/datasets.js';
import type { ObjectRecord, Snapshot } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { verifyObjects, type VerifyOptions } from '../../storage/records/verify-objects.js';
import { snapshotObjects } from './pinned.js';

/** An entry per table of each snapshot. */
export function datasetEntries(snapshots: readonly Snapshot[]): z.infer<typeof datasetsDocument> {
  return snapshots.flatMap((snapshot) =>
    snapshot.tables.map((table) => ({
      name: snapshot.dataset,
      table,
      digest: snapshot.digests[table] ?? datasetDigest([]),
      rows: snapshot.rows[table] ?? 0,
      bytes: snapshot.bytes[table] ?? 0,
      snapshot: snapshot.version,
    })),
  );
}

/** Digest, rows and objects of a pinned dataset. */
export async function describeDataset(
  store: ObjectStore,
  snapshot: Snapshot,
): Promise<z.infer<typeof describeDocument>> {
  const objects = await snapshotObjects(store, snapshot);
  return {
    dataset: snapshot.dataset,
    digest: snapshotDigest(snapshot, objects),
    snapshot: snapshot.version,
    rows: rowsOf(snapshot),
    objects: objects.map(({ key, sha256, bytes, rows, table, shard }) => ({
      key,
      sha256,
      bytes,
      rows,
      table,
      shard,
    })),
  };
}

/** Rehashes every object; the digest is rebuilt from the objects that are what they should be. */
export async function verifyDataset(
  store: ObjectStore,
  snapshot: Snapshot,
  options: VerifyOptions,
): Promise<z.infer<typeof verifyDocument>> {
  const objects = await snapshotObjects(store, snapshot);
  const report = await verifyObjects(store, objects, options);
  const bad = new Set(report.damaged.map((object) => object.key));
  const digest = datasetDigest(objects.filter((object) => !bad.has(object.key)));
  const expected = snapshotDigest(snapshot, objects);
  return {
    dataset: snapshot.dataset,
    snapshot: snapshot.version,
    ok: bad.size === 0 && digest === expected,
    objects: report.objects,
    bytes: report.bytes,
    digest,
    expected,
    damage: [...report.damaged],
  };
}

/** As the snapshot states it; of a dataset with several tables, over all their objects. */
function snapshotDigest(snapshot: Snapshot, objects: readonly ObjectRecord[]): string {
  const [table, another] = snapshot.tables;
  const stated = table === undefined || another !== undefined ? undefined : snapshot.digests[table];
  return stated ?? datasetDigest(objects);
}

function rowsOf(snapshot: Snapshot): number {
  return snapshot.tables.reduce((sum, table) => sum + (snapshot.rows[table] ?? 0), 0);
}
