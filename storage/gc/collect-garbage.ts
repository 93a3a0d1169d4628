// Garbage collection: what no run and no ref reaches, and nobody touched for a day, can go. A plan is only a list; nothing
// is removed before `applyGarbage`, which removes what names other things before the things it names.
import { ResourceError } from '../../schemas/errors.js';
import type { CallOptions, ObjectInfo, ObjectStore } from '../objects/object-store.js';
import { dataDigestOf, PARTS_EXTENSION } from '../records/key-layout.js';
import { mapParallel } from '../records/parallel.js';
import { listAll } from '../records/record-io.js';
import { reach, stageKeyOf, trainedKeys, type Inventory, type Reachable } from './reachable.js';

/** Age below which nothing is removed, milliseconds: 24 hours. */
export const GARBAGE_AGE_MS = 24 * 3600_000;

const REQUESTS_AT_ONCE = 16;

export interface GarbageOptions {
  /** The present, by the store's clock. */
  readonly nowMs: number;
  readonly minAgeMs?: number | undefined;
}

export interface GarbagePlan {
  /** Commits and data objects to be removed. */
  readonly commits: number;
  readonly objects: number;
  /** Bytes of everything to be removed. */
  readonly bytes: number;
  /** All keys, in the order of removal. */
  readonly keys: readonly string[];
  /** Objects changed after this moment (store's clock, milliseconds) are spared although listed. */
  readonly olderThanMs: number;
}

/** What could be removed; reads the store and changes nothing. */
export async function planGarbage(store: ObjectStore, options: GarbageOptions): Promise<GarbagePlan> {
  const olderThanMs = options.nowMs - (options.minAgeMs ?? GARBAGE_AGE_MS);
  const inventory = await takeInventory(store);
  const isYoung = (info: ObjectInfo): boolean => info.modifiedMs > olderThanMs;
  const reached = await reach(store, inventory, isYoung);
  const groups = garbageOf(inventory, reached).map((group) => group.filter((i) => !isYoung(i)));
  const all = groups.flat();
  return {
    commits: all.filter((info) => info.key.startsWith('commits/')).length,
    objects: all.filter((info) => info.key.startsWith('data/')).length,
    bytes: all.reduce((sum, info) => sum + info.bytes, 0),
    keys: all.map((info) => info.key),
    olderThanMs,
  };
}

/**
 * How many objects were removed; those that were adopted since the plan was made are spared.
 * @param options.activeRuns names of runs that are at work
 * @throws ResourceError naming them, because what they are about to commit is not reached yet
 */
export async function applyGarbage(
  store: ObjectStore,
  plan: GarbagePlan,
  options: CallOptions & { readonly activeRuns: readonly string[] },
): Promise<{ readonly removed: number; readonly spared: number }> {
  const { activeRuns } = options;
  if (activeRuns.length > 0) {
    throw new ResourceError(
      `Expected no active run while garbage is removed from ${store.url}, found ${activeRuns.join(', ')}; wait for them or \`assay cancel\` them, then try again.`,
      { activeRuns, url: store.url },
    );
  }
  let removed = 0;
  for (const keys of phasesOf(plan.keys)) {
    // A phase ends before the next begins: a commit goes before the data that it names.
    const outcomes = await mapParallel(keys, REQUESTS_AT_ONCE, async (key) => {
      options.signal?.throwIfAborted();
      const info = await store.head(key);
      if (info === null || info.modifiedMs > plan.olderThanMs) return 0;
      await store.delete(key);
      return 1;
    });
    removed += outcomes.reduce<number>((sum, one) => sum + one, 0);
  }
  return { removed, spared: plan.keys.length - removed };
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
    inventory.quarantine.filter(unreached),
    inventory.commits.filter(unreached),
    inventory.checkpoints.filter((i) => unreached(i) || trained.has(stageKeyOf(i.key) ?? '')),
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

async function takeInventory(store: ObjectStore): Promise<Inventory> {
  // What names comes before what is named, so that nothing listed as data was named in between by a commit unseen.
  const data = await listAll(store, 'data/');
  return {
    data,
    runs: await listAll(store, 'runs/'),
    refs: await listAll(store, 'refs/'),
    snapshots: await listAll(store, 'snapshots/'),
    commits: await listAll(store, 'commits/'),
    quarantine: await listAll(store, 'quarantine/'),
    checkpoints: await listAll(store, 'checkpoints/'),
    keys: await listAll(store, 'keys/'),
    probe: await listAll(store, 'probe/'),
  };
}
