// What the roots of a store (runs and refs) reach. A digest written anywhere in a reached record keeps what it names: a
// commit's key, a data object, an upstream key. This errs only by keeping too much.
import type { Commit } from '../../schemas/records.js';
import { initZstd, zstdDecompress } from '../arrow/zstd.js';
import type { ObjectInfo, ObjectStore } from '../objects/object-store.js';
import { getCommit } from '../records/commits.js';
import { addressOf, dataDigestOf, numberOf, snapshotPrefix, unescapePath } from '../records/key-layout.js';
import { mapParallel } from '../records/parallel.js';
import { readSegment } from '../records/segments.js';

const READS_AT_ONCE = 32;
/** Larger JSON objects are no lists of references. */
const LARGEST_JSON_BYTES = 64 * 2 ** 20;

/** Everything in a store, by what it is. */
export interface Inventory {
  readonly runs: readonly ObjectInfo[];
  readonly refs: readonly ObjectInfo[];
  readonly snapshots: readonly ObjectInfo[];
  readonly commits: readonly ObjectInfo[];
  readonly quarantine: readonly ObjectInfo[];
  readonly checkpoints: readonly ObjectInfo[];
  readonly keys: readonly ObjectInfo[];
  readonly data: readonly ObjectInfo[];
  readonly probe: readonly ObjectInfo[];
}

export interface Reachable {
  /** SHA-256 digests and keys found in reached records. */
  readonly digests: ReadonlySet<string>;
  /** Snapshot records that stay. */
  readonly snapshots: ReadonlySet<string>;
  /** Ref records that stay. */
  readonly refs: ReadonlySet<string>;
}

/** Follows references from runs, refs and spared records to a fixed point. */
export async function reach(
  store: ObjectStore,
  inventory: Inventory,
  isYoung: (info: ObjectInfo) => boolean,
): Promise<Reachable> {
  const walk = new Walk(store, inventory);
  const refs = newestOfEach(inventory.refs);
  await walk.readAll([...inventory.runs.filter(isRunRoot), ...refs]);
  const snapshots = inventory.snapshots.filter((info) => walk.names.has(info.key) || isYoung(info));
  const pinned = new Set([...snapshots, ...newestOfRuns(inventory)].map((info) => info.key));
  await walk.readAll(inventory.snapshots.filter((info) => pinned.has(info.key)));
  // What is spared because it is young must keep what it names.
  const young = [...inventory.keys, ...inventory.checkpoints].filter(isYoung);
  await walk.readAll(young);
  await walk.toFixedPoint(isYoung);
  if (await walk.takeUnfinished()) await walk.toFixedPoint(isYoung);
  return {
    digests: walk.digests,
    snapshots: pinned,
    refs: new Set([...refs, ...inventory.refs.filter(isYoung)].map((info) => info.key)),
  };
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
  readonly #trained: ReadonlySet<string>;

  constructor(store: ObjectStore, inventory: Inventory) {
    this.#store = store;
    this.#inventory = inventory;
    this.#trained = trainedKeys(inventory);
  }

  /** Takes in the references of these records, each once. */
  async readAll(infos: readonly ObjectInfo[]): Promise<void> {
    const fresh = infos.filter((info) => !this.#read.has(info.key));
    for (const info of fresh) this.#read.add(info.key);
    await mapParallel(fresh, READS_AT_ONCE, async (info) => {
      this.#take(await this.#contentOf(info));
    });
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
    const { key } = info;
    const address = addressOf(key);
    if (address !== null && key.startsWith('commits/')) {
      return this.#known.get(key) ?? (await getCommit(this.#store, address));
    }
    const sha256 = dataDigestOf(key);
    if (sha256 !== null && key.endsWith(`${sha256}.zst`)) {
      const commits = await readSegment(this.#store, { key, sha256 }).catch(() => null);
      for (const commit of commits ?? []) this.#remember(commit);
      if (commits !== null) return commits;
    }
    const bytes = await this.#store.get(key);
    if (bytes === null) return null;
    if (!key.endsWith('.zst')) return jsonOf(bytes);
    await initZstd();
    return jsonOf(zstdDecompress(bytes));
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
    const stageKey = stageKeyOf(name);
    if (stageKey !== null) this.digests.add(stageKey);
  }
}

/** Keys with checkpoints that have committed: their checkpoints serve no more. */
export function trainedKeys(inventory: Inventory): Set<string> {
  const open = new Set(inventory.checkpoints.map((info) => stageKeyOf(info.key)));
  const addresses = inventory.commits.map((info) => addressOf(info.key));
  return new Set(addresses.flatMap((address) => (address && open.has(address.key) ? [address.key] : [])));
}

/** The stage key that a record's own key holds: commits, quarantine, checkpoints, pre-images; else null. */
export function stageKeyOf(key: string): string | null {
  const address = addressOf(key);
  if (address !== null) return address.key;
  return /^(?:keys\/[^/]+|checkpoints)\/([0-9a-f]{64})[./]/.exec(key)?.[1] ?? null;
}

/** Records of a run that name what it is made of; beats, attempts and events only tell what happened. */
function isRunRoot(info: ObjectInfo): boolean {
  return info.key.endsWith('.json') && !/^runs\/[^/]+\/\d+\/(beat\.json$|attempts\/|events\/)/.test(info.key);
}

/** The newest snapshot of every dataset of a run that has records. */
function newestOfRuns(inventory: Inventory): ObjectInfo[] {
  const runs = new Set(inventory.runs.map((info) => unescapePath(info.key.split('/')[1] ?? '')));
  const prefixes = [...runs].map(snapshotPrefix);
  return newestOfEach(inventory.snapshots).filter((info) => prefixes.some((prefix) => info.key.startsWith(prefix)));
}

/** The last record of every folder of numbered records. */
function newestOfEach(infos: readonly ObjectInfo[]): ObjectInfo[] {
  const newest = new Map<string, ObjectInfo>();
  for (const info of infos) {
    const folder = info.key.slice(0, info.key.lastIndexOf('/') + 1);
    if (numberOf(folder, info.key) !== null) newest.set(folder, info);
  }
  return [...newest.values()];
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown;
  } catch {
    // Not JSON after all: it names nothing.
    return null;
  }
}
