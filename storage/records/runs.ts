// What the store knows about runs: their stored configuration and plan, signs of life, attempts. Together with commits
// this is all that `status` and `resume` need; Temporal's history is not.
import type { z } from 'zod';
import { canonicalJson } from '../../core/identity/canonical-json.js';
import { crashStep } from '../objects/crash-points.js';
import type { ObjectInfo, ObjectStore } from '../objects/object-store.js';
import { revisionPrefix, runPrefix, unescapePath, type RunRevision } from './key-layout.js';
import { mapParallel } from './parallel.js';
import { createRecord, listAll, readRecord } from './record-io.js';

const READS_AT_ONCE = 32;
/** Keys of one revision after which a listing of runs jumps to the next revision. */
const JUMP_AFTER = 200;

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

/** All runs with their revisions, ascending; by few requests also where revisions have many events. */
export async function listRuns(
  store: ObjectStore,
): Promise<{ readonly name: string; readonly revisions: readonly number[] }[]> {
  const found = new Map<string, Set<number>>();
  for await (const { name, revision } of walkRevisions(store, 'runs/')) {
    const revisions = found.get(name) ?? new Set();
    found.set(name, revisions.add(revision));
  }
  return [...found].map(([name, revisions]) => ({ name, revisions: ascending(revisions) }));
}

/** Revisions of one run, ascending; empty where there is no such run. */
export async function listRevisions(store: ObjectStore, name: string): Promise<number[]> {
  const revisions = new Set<number>();
  for await (const run of walkRevisions(store, runPrefix(name))) revisions.add(run.revision);
  return ascending(revisions);
}

/** Removes all records of a run, which drops a root of garbage collection; commits and data stay until then. */
export async function removeRun(store: ObjectStore, name: string): Promise<number> {
  const infos = await listAll(store, runPrefix(name));
  await mapParallel(infos, READS_AT_ONCE, (info) => store.delete(info.key));
  return infos.length;
}

async function* walkRevisions(store: ObjectStore, prefix: string): AsyncIterable<RunRevision> {
  let startAfter: string | undefined;
  do {
    const jump = yield* walkUntilJump(store.list(prefix, startAfter ? { startAfter } : {}));
    startAfter = jump;
  } while (startAfter !== undefined);
}

/** Yields revisions as they come; returns where to go on when one revision has too many keys to walk through. */
async function* walkUntilJump(infos: AsyncIterable<ObjectInfo>): AsyncGenerator<RunRevision, string | undefined> {
  let folder = '';
  let keys = 0;
  for await (const info of infos) {
    const match = /^(runs\/([^/]+)\/(\d+)\/)/.exec(info.key);
    if (match === null) continue;
    const [, found = '', name = '', revision = ''] = match;
    keys = found === folder ? keys + 1 : 0;
    if (keys === 0) yield { name: unescapePath(name), revision: Number(revision) };
    folder = found;
    // No key has a `~`, which sorts behind everything that a key may have.
    if (keys === JUMP_AFTER) return `${folder}~`;
  }
  return undefined;
}

function ascending(numbers: Iterable<number>): number[] {
  return [...numbers].sort((a, b) => a - b);
}
