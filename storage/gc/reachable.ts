// What the roots of a store (runs, refs and schedules) reach. A digest written anywhere in a reached record keeps what it
// names: a commit's key, a data object, an upstream key. This errs only by keeping too much: a reached record that cannot be
// read may name anything, so it ends the walk.
import type { Commit, Snapshot } from '../../schemas/records.js';
import { DataError } from '../../schemas/errors.js';
import type { ObjectInfo, ObjectStore } from '../objects/object-store.js';
import {
  addressOf,
  dataDigestOf,
  numberOf,
  parseKey,
  parseRunKey,
  snapshotPrefix,
  stageKeyOf,
  unescapePath,
} from '../records/key-layout.js';
import type { LabelsRecord } from '../records/labels.js';
import { mapParallel } from '../records/parallel.js';
import type { Inventory } from './inventory.js';
import { readReferences } from './references.js';

const READS_AT_ONCE = 32;
/** Damaged records that a message names. */
const SHOWN = 10;
/** Larger JSON objects are no lists of references. */
const LARGEST_JSON_BYTES = 64 * 2 ** 20;

export interface Reachable {
  /** SHA-256 digests and keys found in reached records. */
  readonly digests: ReadonlySet<string>;
  /** Snapshot records that stay. */
  readonly snapshots: ReadonlySet<string>;
  /** Ref records that stay. */
  readonly refs: ReadonlySet<string>;
  /** Records of labels that stay: the newest of every dictionary that stays. */
  readonly labels: ReadonlySet<string>;
}

export interface Reached {
  /** From the roots alone. */
  readonly needed: Reachable;
  /** And from what is spared because it is young: that must keep what it names. */
  readonly kept: Reachable;
}

/**
 * Follows references from runs, refs, schedules and spared records to a fixed point; reads each record once.
 * @throws DataError naming every reached record that is damaged or missing
 */
export async function reach(
  store: ObjectStore,
  inventory: Inventory,
  isYoung: (info: ObjectInfo) => boolean,
): Promise<Reached> {
  const walk = new Walk(store, inventory);
  const refs = newestOfEach(inventory.refs);
  await walk.readAll([...inventory.runs, ...refs, ...inventory.schedules, ...inventory.foreignRoots].filter(isRoot));
  const named = inventory.snapshots.filter((info) => walk.names.has(info.key));
  const pinned = [...named, ...(await pinnedOfRuns(store, inventory))];
  const needed = await reachFrom(walk, { snapshots: pinned, refs, records: [] }, () => false);
  const young = {
    snapshots: [...pinned, ...inventory.snapshots.filter(isYoung)],
    refs: [...refs, ...inventory.refs.filter(isYoung)],
    records: [...inventory.keys, ...inventory.checkpoints].filter(isYoung),
  };
  const kept = await reachFrom(walk, young, isYoung);
  walk.assertSound();
  return { needed, kept };
}

/** @param from snapshots and refs that stay, and other records to begin with */
async function reachFrom(
  walk: Walk,
  from: Readonly<Record<'snapshots' | 'refs' | 'records', readonly ObjectInfo[]>>,
  isYoung: (info: ObjectInfo) => boolean,
): Promise<Reachable> {
  await walk.readAll([...from.snapshots, ...from.records]);
  await walk.toFixedPoint(isYoung);
  if (await walk.takeUnfinished()) await walk.toFixedPoint(isYoung);
  const labels = await walk.takeLabels(isYoung);
  const keysOf = (infos: readonly ObjectInfo[]): Set<string> => new Set(infos.map(({ key }) => key));
  const [snapshots, refs] = [keysOf(from.snapshots), keysOf(from.refs)];
  return { digests: new Set(walk.digests), snapshots, refs, labels: keysOf(labels) };
}

class Walk {
  readonly digests = new Set<string>();
  /** Keys of records named as such. */
  readonly names = new Set<string>();
  readonly #store: ObjectStore;
  readonly #inventory: Inventory;
  readonly #read = new Set<string>();
  /** Commits that were met in segments, by address. */
  readonly #known = new Map<string, Commit>();
  /** What is wrong with reached records. */
  readonly #damaged: string[] = [];
  readonly #trained: ReadonlySet<string>;
  readonly #data: ReadonlySet<string>;

  constructor(store: ObjectStore, inventory: Inventory) {
    this.#store = store;
    this.#inventory = inventory;
    this.#trained = trainedKeys(inventory);
    this.#data = new Set(inventory.data.map(({ key }) => key));
  }

  /** Takes in the references of these records, each once. */
  async readAll(infos: readonly ObjectInfo[]): Promise<void> {
    const fresh = infos.filter(({ key }) => !this.#read.has(key) && this.#read.add(key));
    await mapParallel(fresh, READS_AT_ONCE, async (info) => {
      this.#take(await this.#contentOf(info));
    });
  }

  /** @throws DataError where something reached could not be read: what it names is unknown */
  assertSound(): void {
    if (this.#damaged.length === 0) return;
    const more = this.#damaged.length > SHOWN ? `\n… and ${this.#damaged.length - SHOWN} more` : '';
    throw new DataError(
      `Expected every record that is in use in ${this.#store.url} to be sound, found ${this.#damaged.length} that cannot be read, so what they name is unknown and nothing was removed:\n${this.#damaged.slice(0, SHOWN).join('\n')}${more}\nRestore them from a copy, or remove the runs that they belong to (\`assay rm RUN\`), then try again.`,
      { url: this.#store.url, damaged: this.#damaged.length },
    );
  }

  async toFixedPoint(isYoung: (info: ObjectInfo) => boolean): Promise<void> {
    const { commits, keys, checkpoints, quarantine, data } = this.#inventory;
    for (let before = -1; before !== this.digests.size + this.#read.size;) {
      before = this.digests.size + this.#read.size;
      await this.readAll(data.filter((info) => this.#isReachedJson(info)));
      await this.readAll(keys.filter((info) => this.#names(info.key)));
      await this.readAll(commits.filter((info) => isYoung(info) || this.#names(info.key)));
      await this.readAll(checkpoints.filter((info) => this.#names(info.key) && !this.#isSpent(info.key)));
      await this.readAll(quarantine.filter((info) => isYoung(info) || this.#names(info.key)));
    }
  }

  /**
   * Takes in trainings that have checkpoints and no commit, when what they train on is reached: their key depends on
   * data that came after the plan, so no plan names it. True when there was one.
   */
  async takeUnfinished(): Promise<boolean> {
    const { checkpoints, keys } = this.#inventory;
    const open = checkpoints.map((info) => stageKeyOf(info.key) ?? '');
    let found = false;
    for (const key of new Set(open)) {
      const preimage = keys.find((info) => info.key.endsWith(`/${key}.json`));
      if (preimage === undefined || this.digests.has(key) || this.#trained.has(key)) continue;
      const text = JSON.stringify(await this.#contentOf(preimage));
      if (!(text.match(/[0-9a-f]{64}/g) ?? []).some((digest) => this.digests.has(digest))) continue;
      this.digests.add(key);
      found = true;
    }
    return found;
  }

  /** The records of labels that stay, whose tables are reached by them: no label keeps a dictionary. */
  async takeLabels(isYoung: (info: ObjectInfo) => boolean): Promise<ObjectInfo[]> {
    const newest = new Set(newestOfEach(this.#inventory.labels));
    const staying = this.#inventory.labels.filter((info) => {
      const dictionary = parseKey(info.key)?.parts.dictionary ?? '';
      return isYoung(info) || (newest.has(info) && this.digests.has(dictionary));
    });
    for (const info of staying) this.#takeTables(await this.#contentOf(info));
    return staying;
  }

  /** The data that a record of labels names, and not the dictionary. */
  #takeTables(record: unknown): void {
    this.#take((record as LabelsRecord | null)?.objects ?? []);
  }

  #isSpent(key: string): boolean {
    return this.#trained.has(stageKeyOf(key) ?? '');
  }

  /** Whether a reached record names the stage key in this record's own key. */
  #names(key: string): boolean {
    const stageKey = stageKeyOf(key);
    return stageKey !== null && this.digests.has(stageKey);
  }

  #isReachedJson(info: ObjectInfo): boolean {
    if (info.bytes > LARGEST_JSON_BYTES || !/\.(json|zst)$/.test(info.key)) return false;
    const digest = dataDigestOf(info.key);
    return digest !== null && this.digests.has(digest);
  }

  async #contentOf(info: ObjectInfo): Promise<unknown> {
    const known = this.#known.get(info.key);
    if (known !== undefined) return known;
    try {
      const { value, commits } = await readReferences(this.#store, info.key);
      for (const commit of commits) this.#remember(commit);
      if (info.key.startsWith('snapshots/')) await this.#requireSegments(info.key, value as Snapshot | null);
      return value;
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      this.#damaged.push(error.message);
      return null;
    }
  }

  /** A snapshot whose segments are gone names nothing either. */
  async #requireSegments(key: string, snapshot: Snapshot | null): Promise<void> {
    for (const segment of snapshot?.segments ?? []) {
      if (this.#data.has(segment.key) || (await this.#store.head(segment.key)) !== null) continue;
      throw new DataError(
        `Expected segment ${segment.key} of ${key}, found none; \`assay resume\` its run, which publishes a new snapshot.`,
        { key, segment: segment.key },
      );
    }
  }

  #remember(commit: Commit): void {
    this.#known.set(`commits/${commit.stage}/${commit.key}/${commit.input}.json`, commit);
  }

  #take(value: unknown): void {
    if (typeof value === 'string') {
      if (/^[0-9a-f]{64}$/.test(value)) this.digests.add(value);
      const digest = dataDigestOf(value);
      if (digest !== null) this.digests.add(digest);
      else if (/^(snapshots|commits|checkpoints)\//.test(value)) this.#takeName(value);
    } else if (Array.isArray(value)) {
      for (const item of value) this.#take(item);
    } else if (typeof value === 'object' && value !== null) {
      for (const item of Object.values(value)) this.#take(item);
    }
  }

  #takeName(name: string): void {
    this.names.add(name);
    // Also of a folder of records, which is no key.
    for (const digest of name.match(/(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g) ?? []) this.digests.add(digest);
  }
}

/** Keys with checkpoints that have committed: their checkpoints serve no more. */
export function trainedKeys(inventory: Inventory): Set<string> {
  const open = new Set(inventory.checkpoints.map((info) => stageKeyOf(info.key)));
  const addresses = inventory.commits.map((info) => addressOf(info.key));
  return new Set(addresses.flatMap((address) => (address && open.has(address.key) ? [address.key] : [])));
}

/** Of a run the records that name what it is made of are roots; the others only tell what happened. */
function isRoot({ key }: ObjectInfo): boolean {
  const laid = parseKey(key);
  return laid?.kind !== 'runs' || (laid.parts.head ?? laid.parts.plan) !== undefined;
}

/** Of every dataset of a run that has records: the newest snapshot, and the newest complete one where that is another. */
async function pinnedOfRuns(store: ObjectStore, inventory: Inventory): Promise<ObjectInfo[]> {
  const runs = new Set(inventory.runs.flatMap(({ key }) => parseRunKey(key)?.name ?? []));
  const prefixes = [...runs].map((name) => snapshotPrefix(unescapePath(name)));
  const versions = new Map<string, ObjectInfo[]>();
  for (const info of inventory.snapshots) {
    const folder = folderOf(info);
    if (numberOf(folder, info.key) === null || !prefixes.some((prefix) => info.key.startsWith(prefix))) continue;
    versions.set(folder, [...(versions.get(folder) ?? []), info]);
  }
  const pinned = await mapParallel([...versions.values()], READS_AT_ONCE, async (infos) => {
    const newest = infos.slice(-1);
    for (const info of infos.toReversed()) {
      const complete = await isComplete(store, info);
      if (complete) return [...newest, info];
    }
    return newest;
  });
  return pinned.flat();
}

/** False also for a damaged one: the walk tells of those that it reaches. */
async function isComplete(store: ObjectStore, info: ObjectInfo): Promise<boolean> {
  const { value } = await readReferences(store, info.key).catch((error: unknown) => {
    if (!(error instanceof DataError)) throw error;
    return { value: null };
  });
  return (value as Snapshot | null)?.complete === true;
}

/** The last record of every folder of numbered records. */
function newestOfEach(infos: readonly ObjectInfo[]): ObjectInfo[] {
  const newest = new Map<string, ObjectInfo>();
  for (const info of infos) {
    const folder = folderOf(info);
    if (numberOf(folder, info.key) !== null) newest.set(folder, info);
  }
  return [...newest.values()];
}

function folderOf({ key }: ObjectInfo): string {
  return key.slice(0, key.lastIndexOf('/') + 1);
}
