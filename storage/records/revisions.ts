// Which revisions of a run count, by the keys that a listing shows and nothing else. A revision that was stored and never started
// (its file was refused, its command was killed) counts only while none was started; records without a configuration are what a removal
// left, or what somebody wrote for a run that is removed. Reads no record.
import { InputError } from '../../schemas/errors.js';
import type { ObjectInfo, ObjectStore } from '../objects/object-store.js';
import { parseRunKey, runPrefix, unescapePath, type RunKey } from './key-layout.js';

/** Keys of one folder after which a listing jumps behind it. */
const JUMP_AFTER = 200;

export interface Revisions {
  /** Those that count, ascending: all that were started; where none was, all that are stored; none of a run that is being removed. */
  readonly revisions: readonly number[];
  /** Stored after the last that counts and not started, ascending. */
  readonly waiting: readonly number[];
  /** All that have any record, ascending, also what removals left. */
  readonly all: readonly ListedRevision[];
  /** The highest number that any record has, 0 where there is none: a new revision comes after it. */
  readonly highest: number;
  /** Whether the highest has records and no configuration: its removal was begun, or something still writes for it. */
  readonly removing: boolean;
}

export interface ListedRun extends Revisions {
  readonly name: string;
}

/** What a listing shows of one revision. */
export interface ListedRevision {
  readonly revision: number;
  /** Whether what it is (a run, a suite, a training) is stored. */
  readonly headed: boolean;
  /** Whether anything tells that it was started. */
  readonly begun: boolean;
}

/** All runs with their revisions, by few requests also where revisions have many events. */
export async function listRuns(store: ObjectStore): Promise<ListedRun[]> {
  const found = await listNames(store, 'runs/');
  return [...found].map(([name, revisions]) => ({ name, ...whichCount(revisions) }));
}

/** The revisions of one run. */
export async function readRevisions(store: ObjectStore, name: string): Promise<Revisions> {
  const found = await listNames(store, runPrefix(name));
  return whichCount(found.get(name) ?? []);
}

/** Revisions of one run that count, ascending; empty where there is no such run, or one that is being removed. */
export async function listRevisions(store: ObjectStore, name: string): Promise<readonly number[]> {
  return (await readRevisions(store, name)).revisions;
}

/** The rule itself. */
export function whichCount(listed: readonly ListedRevision[]): Revisions {
  const ascending = [...listed].sort((a, b) => a.revision - b.revision);
  const last = ascending.at(-1);
  const removing = last !== undefined && !last.headed;
  const headed = removing ? [] : ascending.filter((one) => one.headed);
  const begun = headed.filter((one) => one.begun);
  const counting = begun.length > 0 ? begun : headed;
  const latest = counting.at(-1)?.revision ?? 0;
  return {
    revisions: counting.map(({ revision }) => revision),
    waiting: headed.map(({ revision }) => revision).filter((revision) => revision > latest),
    all: ascending,
    highest: last?.revision ?? 0,
    removing,
  };
}

/** The error of whoever wants a run that is being removed. */
export function beingRemoved(store: ObjectStore, name: string): InputError {
  return new InputError(
    `Expected run "${name}" to be whole in ${store.url}, found records without a configuration: its removal was interrupted, or it was removed while it was at work. Finish that with \`assay rm ${name}\`; \`assay run\` with its file starts it anew.`,
    { name, store: store.url },
  );
}

async function listNames(store: ObjectStore, prefix: string): Promise<Map<string, ListedRevision[]>> {
  const names = new Map<string, Map<number, { headed: boolean; begun: boolean }>>();
  for await (const { name, revision, is } of walkRuns(store, prefix)) {
    const revisions = names.get(name) ?? new Map<number, { headed: boolean; begun: boolean }>();
    const known = revisions.get(revision) ?? { headed: false, begun: false };
    revisions.set(revision, { headed: known.headed || is === 'head', begun: known.begun || is === 'begun' });
    names.set(name, revisions);
  }
  return new Map(
    [...names].map(([name, revisions]) => [
      unescapePath(name),
      [...revisions].map(([revision, known]) => ({ revision, ...known })),
    ]),
  );
}

async function* walkRuns(store: ObjectStore, prefix: string): AsyncIterable<RunKey> {
  let startAfter: string | undefined;
  do {
    const jump = yield* walkUntilJump(store.list(prefix, startAfter ? { startAfter } : {}));
    startAfter = jump;
  } while (startAfter !== undefined);
}

/** Yields records as they come; returns where to go on when one folder has too many to walk through. */
async function* walkUntilJump(infos: AsyncIterable<ObjectInfo>): AsyncGenerator<RunKey, string | undefined> {
  let folder = '';
  let keys = 0;
  for await (const { key } of infos) {
    const record = parseRunKey(key);
    if (record === null) continue;
    const found = key.slice(0, key.lastIndexOf('/') + 1);
    keys = found === folder ? keys + 1 : 0;
    yield record;
    folder = found;
    // No key has a `~`, which sorts behind everything that a key may have.
    if (keys === JUMP_AFTER) return `${folder}~`;
  }
  return undefined;
}
