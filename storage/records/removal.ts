// Removes a run in such an order that it can be cut off anywhere: first what says what its revisions are, from the newest to the oldest,
// so that the run reads as whole before the first delete and as being removed after it; then the names of its datasets, each one's newest
// version last; then what else is there, and of every revision one record at the very last. Of a newest revision that has nothing but what
// says what it is (its command was killed before it stored a plan) nothing is left to tell by: the run then reads as whole a while longer,
// as what it was before that revision. Writes nothing, so that it works on a full disk. Deletes records of the layout alone.
import type { ObjectStore } from '../objects/object-store.js';
import { parseKey, parseRunKey, runPrefix, snapshotPrefix } from './key-layout.js';
import { mapParallel } from './parallel.js';
import { listAll } from './record-io.js';
import type { Revisions } from './revisions.js';

const DELETES_AT_ONCE = 32;

/** Removes all records of a run, which drops a root of garbage collection; commits and data stay until then. Returns how many. */
export async function removeRun(store: ObjectStore, name: string): Promise<number> {
  const records = (await listAll(store, runPrefix(name))).map(({ key }) => key);
  const snapshots = (await listAll(store, snapshotPrefix(name))).map(({ key }) => key);
  return deleteInOrder(store, orderOfRemoval(records, snapshots));
}

/**
 * Finishes the removals that were cut off, for whoever starts the run anew behind them: their revisions count for nothing any more, and
 * would be taken for work that goes on as soon as a later one stands. That later one is not touched, and neither are the names of
 * datasets, which are its own by now. Nothing of the run may be at work. Returns how many records went.
 * @param seen the revisions before the new one was stored
 */
export async function finishRemoval(store: ObjectStore, name: string, seen: Revisions): Promise<number> {
  const left = new Set(seen.all.filter(({ headed }) => seen.removing || !headed).map(({ revision }) => revision));
  if (left.size === 0) return 0;
  const records = (await listAll(store, runPrefix(name))).map(({ key }) => key);
  const gone = records.filter((key) => left.has(parseRunKey(key)?.revision ?? 0));
  return deleteInOrder(store, orderOfRemoval(gone, []));
}

async function deleteInOrder(store: ObjectStore, phases: readonly (readonly string[])[]): Promise<number> {
  for (const keys of phases) {
    await mapParallel(keys, DELETES_AT_ONCE, (key) => store.delete(key));
  }
  return phases.reduce((sum, keys) => sum + keys.length, 0);
}

/** Keys that may be deleted in any order within each list, a list when the one before is done; keys of other shapes are in none. */
export function orderOfRemoval(records: readonly string[], snapshots: readonly string[]): string[][] {
  const revisions = new Map<number, { heads: string[]; rest: string[] }>();
  for (const key of records) {
    const record = parseRunKey(key);
    if (record === null) continue;
    const known = revisions.get(record.revision) ?? { heads: [], rest: [] };
    known[record.is === 'head' ? 'heads' : 'rest'].push(key);
    revisions.set(record.revision, known);
  }
  const ascending = [...revisions].sort(([a], [b]) => a - b).map(([, keys]) => keys);
  const lasts = ascending.map(({ rest }) => lastOf(rest));
  const rest = ascending.flatMap((keys, i) => keys.rest.filter((key) => key !== lasts[i]));
  return [
    ...ascending.toReversed().map(({ heads }) => heads),
    ...byVersion(snapshots),
    rest,
    ...lasts.map((key) => (key === undefined ? [] : [key])),
  ].filter((keys) => keys.length > 0);
}

/** The last event, which says how the run ended, for as long as anything is left; else any record. */
function lastOf(keys: readonly string[]): string | undefined {
  return keys.findLast((key) => key.includes('/events/')) ?? keys.at(-1);
}

/** Older versions, then the newest of every dataset. */
function byVersion(keys: readonly string[]): [string[], string[]] {
  const newest = new Map<string, string>();
  const own = keys.filter((key) => {
    const laid = parseKey(key);
    if (laid?.parts.names === undefined || !laid.isOwn) return false;
    newest.set(laid.parts.names, key);
    return true;
  });
  const last = new Set(newest.values());
  return [own.filter((key) => !last.has(key)), [...last]];
}
