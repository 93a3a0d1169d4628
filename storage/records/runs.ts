// What the store knows about runs: their stored configuration and plan, signs of life, attempts. Together with commits
// this is all that `status` and `resume` need; Temporal's history is not.
import { z } from 'zod';
import { canonicalJson } from '../../core/identity/canonical-json.js';
import { crashStep } from '../objects/crash-points.js';
import type { ObjectStore } from '../objects/object-store.js';
import { revisionPrefix, type RunRevision } from './key-layout.js';
import { mapParallel } from './parallel.js';
import { createRecord, listAll, readRecord } from './record-io.js';

const READS_AT_ONCE = 32;

/** The records of a revision that are created once. */
export type RunDocument = 'config' | 'plan' | 'training' | 'suite';

export interface NewRunDocument<T> {
  readonly document: RunDocument;
  readonly value: T;
  readonly schema: z.ZodType<T>;
}

/** The document that stands for the revision: this one, or (`created: false`) the one that was there first. */
export function putRunDocument<T>(
  store: ObjectStore,
  run: RunRevision,
  next: NewRunDocument<T>,
): Promise<{ readonly record: T; readonly created: boolean }> {
  const key = `${revisionPrefix(run)}${next.document}.json`;
  return createRecord(store, { key, value: next.value, schema: next.schema });
}

/** The stored document, or null. @throws DataError naming the key when it is damaged */
export function getRunDocument<T>(
  store: ObjectStore,
  run: RunRevision,
  wanted: { readonly document: RunDocument; readonly schema: z.ZodType<T> },
): Promise<T | null> {
  return readRecord(store, `${revisionPrefix(run)}${wanted.document}.json`, wanted.schema);
}

const begunRecord = z.strictObject({ formatVersion: z.literal(1), atMs: z.number() });

/**
 * Notes that the revision was started, for readers that come before its first event. The workflow was started then, so that a note that
 * cannot be written is no failure: the first event says the same.
 */
export async function markBegun(store: ObjectStore, run: RunRevision): Promise<void> {
  const value = { formatVersion: 1 as const, atMs: Date.now() };
  const record = { key: `${revisionPrefix(run)}begun.json`, value, schema: begunRecord, urgent: true };
  await createRecord(store, record).catch(() => undefined);
}

/** Overwrites the revision's sign of life: any JSON object. */
export async function putBeat(
  store: ObjectStore,
  run: RunRevision,
  beat: Readonly<Record<string, unknown>>,
): Promise<void> {
  const bytes = Buffer.from(canonicalJson(beat));
  await crashStep('beat.put', () => store.put(`${revisionPrefix(run)}beat.json`, bytes));
}

/** The revision's latest sign of life, or null. @throws DataError naming the key when it is damaged */
export function getBeat<T>(store: ObjectStore, run: RunRevision, schema: z.ZodType<T>): Promise<T | null> {
  return readRecord(store, `${revisionPrefix(run)}beat.json`, schema);
}

/** Records one attempt under its id. */
export async function putAttempt<T>(
  store: ObjectStore,
  run: RunRevision,
  attempt: { readonly id: string; readonly value: T; readonly schema: z.ZodType<T> },
): Promise<void> {
  const key = `${revisionPrefix(run)}attempts/${attempt.id}.json`;
  await createRecord(store, { key, value: attempt.value, schema: attempt.schema });
}

/** All attempts of a revision, in the order of their ids. */
export async function listAttempts<T>(store: ObjectStore, run: RunRevision, schema: z.ZodType<T>): Promise<T[]> {
  const infos = await listAll(store, `${revisionPrefix(run)}attempts/`);
  const attempts = await mapParallel(infos, READS_AT_ONCE, (info) => readRecord(store, info.key, schema));
  return attempts.filter((attempt) => attempt !== null);
}
