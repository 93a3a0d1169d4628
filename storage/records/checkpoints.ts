// Checkpoints of a training: a record per step over content-addressed chunks. Chunks that did not change since the last
// checkpoint are shared, not stored again; the last two records are kept.
import { sha256Hex } from '../../core/identity/digest.js';
import { checkpointRecord, type Checkpoint } from '../../schemas/records.js';
import { crashStep } from '../objects/crash-points.js';
import type { CallOptions, ObjectStore } from '../objects/object-store.js';
import { putDataBytes, putDataFile, type DataFile, type StoredData } from './data-objects.js';
import { getData } from './data-stream.js';
import { checkpointPrefix, numberedKey } from './key-layout.js';
import { listNumbered, readNewest } from './listings.js';
import { mapParallel } from './parallel.js';
import { createRecord } from './record-io.js';

const UPLOADS_AT_ONCE = 2;
const KEPT = 2;

/** A named piece of state, in memory or as a finished file. */
export type CheckpointChunk =
  { readonly name: string; readonly bytes: Uint8Array } | { readonly name: string; readonly file: DataFile };

export interface NewCheckpoint extends CallOptions {
  readonly key: string;
  readonly step: number;
  readonly chunks: readonly CheckpointChunk[];
  readonly state: Record<string, unknown>;
}

/** The checkpoint that stands at that step; older ones than the last two are removed. */
export async function putCheckpoint(store: ObjectStore, next: NewCheckpoint): Promise<Checkpoint> {
  const { key, step, state, signal } = next;
  const prefix = checkpointPrefix(key);
  const earlier = await readNewest(store, prefix, checkpointRecord);
  const shared = new Map((earlier?.chunks ?? []).map((chunk) => [chunk.sha256, chunk]));
  const chunks = await mapParallel(next.chunks, UPLOADS_AT_ONCE, async (chunk) => {
    const known = shared.get('file' in chunk ? chunk.file.sha256 : sha256Hex(chunk.bytes));
    const stored = known ?? (await putChunk(store, chunk, { signal }));
    return { name: chunk.name, key: stored.key, sha256: stored.sha256, bytes: stored.bytes };
  });
  const value: Checkpoint = { formatVersion: 1, key, step, chunks, state, atMs: Date.now() };
  const outcome = await crashStep('checkpoint.put', () =>
    createRecord(store, {
      key: numberedKey(prefix, step),
      value,
      schema: checkpointRecord,
      signal,
    }),
  );
  await crashStep('checkpoint.trim', () => trim(store, prefix));
  return outcome.record;
}

/** The checkpoint of the highest step, or null where the training has none. */
export function latestCheckpoint(store: ObjectStore, key: string): Promise<Checkpoint | null> {
  return readNewest(store, checkpointPrefix(key), checkpointRecord);
}

/** Steps of the checkpoints kept for a training, ascending. */
export async function listCheckpointSteps(store: ObjectStore, key: string): Promise<number[]> {
  return (await listNumbered(store, checkpointPrefix(key))).map(({ number }) => number);
}

/** A chunk's bytes, verified. @throws DataError where it is missing or damaged */
export function getChunk(
  store: ObjectStore,
  chunk: Checkpoint['chunks'][number],
  options?: CallOptions,
): Promise<Uint8Array> {
  return getData(store, chunk, options);
}

function putChunk(store: ObjectStore, chunk: CheckpointChunk, options: CallOptions): Promise<StoredData> {
  return crashStep('checkpoint.chunk', () =>
    'file' in chunk
      ? putDataFile(store, chunk.file, options)
      : putDataBytes(store, { bytes: chunk.bytes, extension: 'bin' }, options),
  );
}

async function trim(store: ObjectStore, prefix: string): Promise<void> {
  const records = await listNumbered(store, prefix);
  for (const { key } of records.slice(0, -KEPT)) await store.delete(key);
}
