// The commit: the small record, created once, that says a piece of work is done. Data objects are stored before it, so
// that a commit never names what is not there; a second commit of the same work adopts the first one's content.
import { commitRecord, type Commit, type EngineRecord, type ObjectRecord } from '../../schemas/records.js';
import { DataError } from '../../schemas/errors.js';
import type { StageName, Split } from '../../schemas/stages.js';
import { crashStep } from '../objects/crash-points.js';
import type { CallOptions, ObjectInfo, ObjectStore } from '../objects/object-store.js';
import { putDataFile, type DataFile, type PutDataOptions } from './data-objects.js';
import { commitKey, commitPrefix, type CommitAddress } from './key-layout.js';
import { listInputRecords, listInputs } from './listings.js';
import { mapParallel } from './parallel.js';
import { createRecord, readRecord } from './record-io.js';

/** Files of one commit that are sent together; each may be held in memory whole. */
const UPLOADS_AT_ONCE = 2;
/** Commits read together where no segment holds them. */
const READS_AT_ONCE = 32;
const TOUCHES_AT_ONCE = 32;

/** The commit that stands; `adopted` when another attempt was first. */
export interface CommitOutcome {
  readonly commit: Commit;
  readonly adopted: boolean;
}

/** Commits, or gives the winner's content where the work was committed before. */
export async function putCommit(store: ObjectStore, commit: Commit, options: CallOptions = {}): Promise<CommitOutcome> {
  const key = commitKey(commit);
  const { signal } = options;
  const outcome = await crashStep('commit.put', () =>
    createRecord(store, { key, value: commit, schema: commitRecord, signal }),
  );
  return { commit: outcome.record, adopted: !outcome.created };
}

/** The commit at an address, or null. @throws DataError naming the key when it is damaged */
export function getCommit(store: ObjectStore, address: CommitAddress): Promise<Commit | null> {
  return readRecord(store, commitKey(address), commitRecord);
}

/** Digests of all inputs committed under a key: one request per 1,000 commits on S3, none per commit. */
export function listCommitInputs(store: ObjectStore, stage: string, key: string): Promise<Set<string>> {
  return listInputs(store, commitPrefix(stage, key));
}

/** Commit records under a key by input: as `listCommitInputs`. */
export function listCommits(store: ObjectStore, stage: string, key: string): Promise<Map<string, ObjectInfo>> {
  return listInputRecords(store, commitPrefix(stage, key));
}

/** Age from which a commit that a plan counts as done is touched; well below the 24 hours that garbage collection spares. */
const TOUCH_AGE_MS = 12 * 3600_000;

/** The records that are still there, the old ones made young again, so that no collection takes them from under a plan. */
export async function adoptCommits(
  store: ObjectStore,
  records: ReadonlyMap<string, ObjectInfo>,
  options: CallOptions = {},
): Promise<Set<string>> {
  const found = await mapParallel([...records], TOUCHES_AT_ONCE, async ([input, { key, modifiedMs }]) => {
    if (Date.now() - modifiedMs < TOUCH_AGE_MS) return input;
    try {
      await store.touch(key, options);
      return input;
    } catch (error) {
      // Removed since it was listed: to be made again.
      if (error instanceof DataError) return null;
      throw error;
    }
  });
  return new Set(found.filter((input) => input !== null));
}

export interface CommitSelection extends CallOptions {
  readonly stage: string;
  readonly key: string;
  /** Which ones; those without a commit are left out of the result. */
  readonly inputs: Iterable<string>;
  /** Commits at hand (from a snapshot's segments), which are then not read again. */
  readonly known?: ReadonlyMap<string, Commit> | undefined;
}

/** The chosen commits, sorted by input; only those not known already are read from the store. */
export async function readCommits(store: ObjectStore, selection: CommitSelection): Promise<Commit[]> {
  const { stage, key, known } = selection;
  const inputs = [...new Set(selection.inputs)].sort();
  const commits = await mapParallel(inputs, READS_AT_ONCE, async (input) => {
    selection.signal?.throwIfAborted();
    return known?.get(input) ?? (await getCommit(store, { stage, key, input }));
  });
  return commits.filter((commit) => commit !== null);
}

/** A spooled file as an object of a commit. */
export interface OutputFile extends DataFile {
  readonly table: string;
  /** Shard that the object belongs to, where it is not the commit's own. */
  readonly shard?: string | undefined;
  readonly rows: number;
  readonly batches: ObjectRecord['batches'] | Readonly<ObjectRecord['batches']>;
}

/** What becomes a commit, apart from its objects and its times. */
export interface Output {
  readonly stage: StageName;
  readonly key: string;
  readonly input: string;
  readonly inputs: unknown;
  readonly shard: string;
  readonly split: Split | null;
  readonly statistics: Record<string, unknown>;
  readonly engine: EngineRecord | null;
  readonly attempt: string;
  readonly wallMs: number;
  readonly producer: Commit['producer'];
  readonly prereg?: string | null | undefined;
  readonly files: readonly OutputFile[];
}

/**
 * Stores the spooled files, then commits them. Safe to run twice: the second run finds the objects and the commit.
 * @throws DataError when a file is not what its digest says
 */
export async function commitOutput(
  store: ObjectStore,
  output: Output,
  options: PutDataOptions = {},
): Promise<CommitOutcome> {
  const { files, prereg, ...rest } = output;
  const objects = await crashStep('commit.data', () =>
    mapParallel(files, UPLOADS_AT_ONCE, (file) => storeFile(store, { file, output }, options)),
  );
  const commit: Commit = {
    formatVersion: 1,
    ...rest,
    objects,
    committedMs: Date.now(),
    prereg: prereg ?? null,
  };
  const outcome = await putCommit(store, commit, options);
  return crashStep('commit.reply', () => Promise.resolve(outcome));
}

async function storeFile(
  store: ObjectStore,
  item: { readonly file: OutputFile; readonly output: Output },
  options: PutDataOptions,
): Promise<ObjectRecord> {
  const { file, output } = item;
  const { key, sha256, bytes } = await putDataFile(store, file, options);
  const shard = file.shard ?? output.shard;
  return {
    table: file.table,
    shard,
    key,
    sha256,
    bytes,
    rows: file.rows,
    batches: [...file.batches],
  };
}
