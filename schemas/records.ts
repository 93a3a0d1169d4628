// Shapes of the records in the store: commits, snapshots, refs, plans, events, quarantine. Parsed on every read back.
import { z } from 'zod';
import { SPLITS, STAGES } from './stages.js';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.number().int().nonnegative();
export const stageName = z.enum(STAGES);
export const splitName = z.enum(SPLITS);

/** Byte range and value range of one record batch, so that a reader can prune and verify without opening the file. */
const batchRecord = z.strictObject({
  offset: count.describe('first byte of the encapsulated message (metadata length prefix) in the file'),
  length: count.describe('bytes of metadata and body together'),
  rows: count,
  min: z.number().describe("least value of the table's leading sort column in this batch"),
  max: z.number().describe("greatest value of the table's leading sort column in this batch"),
  crc32: count.describe('CRC-32 (IEEE) of the byte range'),
});
export type BatchRecord = z.infer<typeof batchRecord>;

const batchRecords = z.array(batchRecord);
const BATCH_FIELDS = Object.keys(batchRecord.shape).length;

/** As `batchRecords`. A commit may list thousands: they are looked at by hand, and by zod for the words of what is wrong. */
const batchList = z.custom<BatchRecord[]>().superRefine((value, context) => {
  if (Array.isArray(value) && value.every(isBatchRecord)) return;
  for (const { message, path } of batchRecords.safeParse(value).error?.issues ?? []) {
    context.addIssue({ code: 'custom', message, path: [...path] });
  }
});

function isBatchRecord(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { offset, length, rows, min, max, crc32 } = value as Partial<BatchRecord>;
  return (
    [offset, length, rows, crc32].every((count) => Number.isSafeInteger(count) && (count as number) >= 0) &&
    [min, max].every(Number.isFinite) &&
    Object.keys(value).length === BATCH_FIELDS
  );
}

export const objectRecord = z.strictObject({
  table: z.string(),
  shard: z.string(),
  key: z.string().describe('where it lies under the store prefix'),
  sha256,
  bytes: count,
  rows: count,
  batches: batchList.describe('empty for objects that are not Arrow files'),
});
export type ObjectRecord = z.infer<typeof objectRecord>;

export const engineRecord = z.strictObject({
  ort: z.string(),
  provider: z.string(),
  threads: count,
  optimisation: z.string(),
  cpu: z.string().describe('CPU instruction class, e.g. x64-avx512'),
  sites: z.array(z.string()).optional().describe('all sites the session was cut to'),
});
export type EngineRecord = z.infer<typeof engineRecord>;

export const commitRecord = z.strictObject({
  formatVersion: z.literal(1),
  stage: stageName,
  key: sha256,
  input: sha256.describe("digest of the item's own input object; the commit's name"),
  inputs: z.unknown().describe('that input object'),
  shard: z.string(),
  split: splitName.nullable(),
  objects: z.array(objectRecord),
  statistics: z.record(z.string(), z.unknown()),
  engine: engineRecord.nullable(),
  attempt: z.string(),
  wallMs: z.number(),
  committedMs: z.number(),
  producer: z.strictObject({
    version: z.string(),
    host: z.string(),
    run: z.string(),
    revision: count,
  }),
  prereg: z.string().nullable(),
});
export type Commit = z.infer<typeof commitRecord>;

export const quarantineRecord = z.strictObject({
  formatVersion: z.literal(1),
  stage: stageName,
  key: sha256,
  input: sha256,
  inputs: z.unknown(),
  shard: z.string(),
  split: splitName.nullable(),
  errorClass: z.string(),
  message: z.string(),
  details: z.record(z.string(), z.unknown()),
  attempts: count,
  run: z.string(),
  revision: count,
  atMs: z.number(),
});
export type Quarantine = z.infer<typeof quarantineRecord>;

/** A pinned list of commits. `segments` are data objects, each a zstd-compressed JSON array of commits. */
export const snapshotRecord = z.strictObject({
  formatVersion: z.literal(1),
  dataset: z.string().describe('RUN/documents, RUN/activations/SITE, RUN/DICT/acts …'),
  version: count,
  stage: stageName,
  key: sha256,
  tables: z.array(z.string()),
  segments: z.array(z.strictObject({ key: z.string(), sha256, bytes: count, commits: count })),
  commits: count,
  planned: count.nullable(),
  quarantined: count,
  complete: z.boolean(),
  rows: z.record(z.string(), count),
  bytes: z.record(z.string(), count),
  digests: z.record(z.string(), sha256).describe('dataset digest per table'),
  revision: count,
  atMs: z.number(),
});
export type Snapshot = z.infer<typeof snapshotRecord>;

export const eventRecord = z.strictObject({
  formatVersion: z.literal(1),
  n: count,
  previous: sha256.nullable().describe('digest of the canonical JSON of the event before; null for the first'),
  atMs: z.number(),
  type: z.string(),
  data: z.record(z.string(), z.unknown()),
});
export type RunEvent = z.infer<typeof eventRecord>;

export const checkpointRecord = z.strictObject({
  formatVersion: z.literal(1),
  key: sha256,
  step: count,
  chunks: z.array(z.strictObject({ name: z.string(), key: z.string(), sha256, bytes: count })),
  state: z.record(z.string(), z.unknown()).describe('counters, thresholds, cursor, random state, log rows'),
  atMs: z.number(),
});
export type Checkpoint = z.infer<typeof checkpointRecord>;

/** What a training does besides taking steps. */
export const DOING = ['compiling', 'reading'] as const;

/** A worker's sign of life: overwritten while it works on a run, every 2 s at first, then more rarely up to every 15 s. */
export const beatRecord = z.strictObject({
  formatVersion: z.literal(1),
  atMs: z.number(),
  worker: z.string().describe('host/pid'),
  stage: stageName,
  lot: count,
  progress: z.strictObject({
    tokens: z.number().optional(),
    rows: z.number().optional(),
    step: z.number().optional(),
    loss: z.number().optional().describe('of the last step, in nats'),
    doing: z.enum(DOING).nullable().optional().describe('what a training does beside steps; null: steps'),
  }),
});
export type Beat = z.infer<typeof beatRecord>;

/** One attempt at one item: written when it begins, under the id that its commit names. */
export const attemptRecord = z.strictObject({
  formatVersion: z.literal(1),
  id: z.string(),
  stage: stageName,
  key: sha256,
  input: sha256,
  shard: z.string(),
  worker: z.string().describe('host/pid'),
  startedMs: z.number(),
});
export type Attempt = z.infer<typeof attemptRecord>;
