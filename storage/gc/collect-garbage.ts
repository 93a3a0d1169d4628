// Garbage collection: what no run, no ref and no schedule reaches, and nobody touched for a day, can go. A plan is only a list;
// nothing is removed before `collectGarbage`, which removes what names other things before the things it names.
import { AssayError, ResourceError, TransientError } from '../../schemas/errors.js';
import type { CallOptions, ObjectInfo, ObjectStore } from '../objects/object-store.js';
import { beginCollection, REQUEST_MS, type Collection, type WaitOptions } from '../records/collection-mark.js';
import { dataDigestOf, PARTS_EXTENSION, runPrefix, stageKeyOf } from '../records/key-layout.js';
import { mapParallel } from '../records/parallel.js';
import { listActiveRuns } from '../records/run-history.js';
import { eachOnce, takeInventory, type Inventory } from './inventory.js';
import { reach, trainedKeys, type Reachable } from './reachable.js';

/** Age below which nothing is removed, milliseconds: 24 hours. */
export const GARBAGE_AGE_MS = 24 * 3600_000;

const REQUESTS_AT_ONCE = 16;

export interface GarbageOptions {
  /** The present, by the store's clock. */
  readonly nowMs: number;
  readonly minAgeMs?: number | undefined;
  /** Names of runs at work: what has come since they began may be theirs, and named by nothing yet. */
  readonly active?: readonly string[] | undefined;
}

export interface GarbagePlan {
  /** Commits and data objects to be removed. */
  readonly commits: number;
  readonly objects: number;
  /** Bytes of everything to be removed. */
  readonly bytes: number;
  /** All keys, in the order of removal. */
  readonly keys: readonly string[];
  /** Keys that are none of the layout's: never removed. */
  readonly foreign: readonly string[];
  /** Objects changed after this moment (store's clock, milliseconds) are spared although listed. */
  readonly olderThanMs: number;
  /** What nothing needs either, but is too young to be listed: it goes with a later collection. */
  readonly young: YoungGarbage;
}

export interface YoungGarbage {
  readonly objects: number;
  readonly bytes: number;
}

/** What could be removed; reads the store and changes nothing. */
export async function planGarbage(store: ObjectStore, options: GarbageOptions): Promise<GarbagePlan> {
  const olderThanMs = options.nowMs - (options.minAgeMs ?? GARBAGE_AGE_MS);
  const inventory = await takeInventory(store);
  const isYoung = (info: ObjectInfo): boolean => info.modifiedMs > olderThanMs;
  const { needed, kept } = await reach(store, inventory, isYoung);
  const groups = garbageOf(inventory, kept).map((group) => group.filter((i) => !isYoung(i)));
  const all = eachOnce(groups, inventory).flat();
  const keys = all.map((info) => info.key);
  const unneeded = eachOnce(garbageOf(inventory, needed), inventory).flat();
  const begunMs = beginOf(inventory, options.active ?? []);
  const planned = new Set(keys);
  const young = unneeded.filter((info) => !planned.has(info.key) && info.modifiedMs < begunMs);
  return {
    commits: all.filter((info) => info.key.startsWith('commits/')).length,
    objects: all.filter((info) => info.key.startsWith('data/')).length,
    bytes: bytesOf(all),
    keys,
    foreign: inventory.foreign,
    olderThanMs,
    young: { objects: young.length, bytes: bytesOf(young) },
  };
}

function bytesOf(infos: readonly ObjectInfo[]): number {
  return infos.reduce((sum, info) => sum + info.bytes, 0);
}

/** When the first record of these runs was stored, by the store's clock; for ever ahead where there is none. */
function beginOf({ runs }: Inventory, names: readonly string[]): number {
  const wanted = new Set(names.map(runPrefix));
  const own = runs.filter(({ key }) => wanted.has(key.split('/', 2).join('/') + '/'));
  return own.reduce((first, { modifiedMs }) => Math.min(first, modifiedMs), Infinity);
}

export interface CollectOptions extends Pick<WaitOptions, 'signal' | 'onWait'> {
  readonly minAgeMs?: number | undefined;
}

export interface Collected {
  /** What was found at first. */
  readonly plan: GarbagePlan;
  readonly removed: number;
  /** Listed, but taken into use before they were removed. */
  readonly spared: number;
}

/**
 * Removes garbage, kind by kind, by the rules of records/collection-mark.ts. Before each kind it asks again for active runs and
 * takes stock anew; what is in use by then stays.
 * @throws ResourceError naming active runs, or where another collection is at work; DataError where records are damaged
 */
export async function collectGarbage(store: ObjectStore, options: CollectOptions = {}): Promise<Collected> {
  const collection = await beginCollection(store, options);
  const removal = { collection, signal: options.signal, unsure: false };
  try {
    await refuseActive(store);
    const limits = { nowMs: collection.startedMs, minAgeMs: options.minAgeMs };
    const plan = await planGarbage(store, limits);
    let removed = 0;
    for (const phase of phasesOf(plan.keys)) {
      await refuseActive(store, { removed, of: plan.keys.length });
      const garbage = new Set((await planGarbage(store, limits)).keys);
      const keys = phase.filter((key) => garbage.has(key));
      removed += await removeAll(store, { keys, olderThanMs: plan.olderThanMs }, removal);
    }
    return { plan, removed, spared: plan.keys.length - removed };
  } finally {
    await collection.end(!removal.unsure);
  }
}

interface Removal extends CallOptions {
  readonly collection: Collection;
  /** Whether a request was given up that may take effect later. */
  unsure: boolean;
}

/** Ends when all of its requests have ended: a commit goes before the data that it names, and all before the mark. */
async function removeAll(
  store: ObjectStore,
  wanted: { readonly keys: readonly string[]; readonly olderThanMs: number },
  removal: Removal,
): Promise<number> {
  const { collection, signal } = removal;
  const failures: unknown[] = [];
  const removeOne = async (key: string): Promise<number> => {
    signal?.throwIfAborted();
    const info = await store.head(key);
    if (info === null || info.modifiedMs > wanted.olderThanMs) return 0;
    await collection.hold();
    try {
      await store.delete(key, { signal: AbortSignal.timeout(REQUEST_MS) });
    } catch (error) {
      removal.unsure = true;
      throw error instanceof AssayError ? error : gaveUp(store, key, error);
    }
    return 1;
  };
  const outcomes = await mapParallel(wanted.keys, REQUESTS_AT_ONCE, async (key) => {
    if (failures.length > 0) return 0;
    return removeOne(key).catch((error: unknown) => {
      failures.push(error);
      return 0;
    });
  });
  if (failures.length > 0) throw failures[0] as Error;
  return outcomes.reduce<number>((sum, one) => sum + one, 0);
}

function gaveUp(store: ObjectStore, key: string, error: unknown): TransientError {
  return new TransientError(
    `Expected ${key} to be removed from ${store.url} within ${REQUEST_MS / 1000} s, it was not (${String(error)}); try again.`,
    { key },
    { cause: error },
  );
}

async function refuseActive(
  store: ObjectStore,
  done?: { readonly removed: number; readonly of: number },
): Promise<void> {
  const activeRuns = await listActiveRuns(store);
  if (activeRuns.length === 0) return;
  const begun = done && done.removed > 0 ? ` ${done.removed} of ${done.of} objects were removed before.` : '';
  throw new ResourceError(
    `Expected no active run while garbage is removed from ${store.url}, found ${activeRuns.join(', ')}; wait for them or \`assay cancel\` them, and finish removals that were interrupted (\`assay rm\`), then try again.${begun}`,
    { activeRuns, url: store.url },
  );
}

/** Groups of garbage in the order of removal, young and old together. */
function garbageOf(inventory: Inventory, reached: Reachable): ObjectInfo[][] {
  const { digests } = reached;
  const unreached = (info: ObjectInfo): boolean => !digests.has(stageKeyOf(info.key) ?? '');
  const unnamed = (info: ObjectInfo): boolean => !digests.has(dataDigestOf(info.key) ?? '');
  const isParts = (info: ObjectInfo): boolean => info.key.endsWith(`.${PARTS_EXTENSION}`);
  const trained = trainedKeys(inventory);
  const data = inventory.data.filter(unnamed);
  return [
    inventory.snapshots.filter((info) => !reached.snapshots.has(info.key)),
    inventory.refs.filter((info) => !reached.refs.has(info.key)),
    inventory.labels.filter((info) => !reached.labels.has(info.key)),
    inventory.quarantine.filter(unreached),
    // Before the commits: without its commit a training looks as if it had yet to end, and its checkpoints as if they served.
    inventory.checkpoints.filter((i) => unreached(i) || trained.has(stageKeyOf(i.key) ?? '')),
    inventory.commits.filter(unreached),
    inventory.keys.filter(unreached),
    [...inventory.probe],
    data.filter(isParts),
    data.filter((info) => !isParts(info)),
  ];
}

function phasesOf(keys: readonly string[]): string[][] {
  const phases: string[][] = [];
  let kind = '';
  for (const key of keys) {
    const next = key.endsWith(`.${PARTS_EXTENSION}`) ? 'parts' : (key.split('/')[0] ?? '');
    if (next !== kind) phases.push([]);
    kind = next;
    phases.at(-1)?.push(key);
  }
  return phases;
}
