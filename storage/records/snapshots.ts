// Snapshots: immutable, numbered lists of the commits that make up a dataset at one moment. A new one reuses segments of
// earlier ones, so that publishing a growing dataset costs what is new and not what is there.
import { datasetDigest, sha256Hex } from '../../core/identity/digest.js';
import type { StageName } from '../../schemas/stages.js';
import { DataError, InputError } from '../../schemas/errors.js';
import { snapshotRecord, type Commit, type Snapshot } from '../../schemas/records.js';
import { crashStep } from '../objects/crash-points.js';
import type { CallOptions, ObjectInfo, ObjectStore } from '../objects/object-store.js';
import { numberedKey, snapshotPrefix } from './key-layout.js';
import { listVersions, readNewest } from './listings.js';
import { createRecord, readRecord } from './record-io.js';
import { readSegment, readSegments, SEGMENT_COMMITS, sortByInput, writeSegment, type Segment } from './segments.js';

/** Stores tell times of modification to the second. */
const CLOCK_GRAIN_MS = 2000;

export interface NewSnapshot extends CallOptions {
  /** `RUN/tokens`, `RUN/activations/SITE`, `RUN/DICT/acts` … */
  readonly dataset: string;
  readonly stage: StageName;
  readonly key: string;
  /** Tables of the commits' objects that the dataset consists of. */
  readonly tables: readonly string[];
  /** All commits of the plan so far. */
  readonly commits: readonly Commit[];
  readonly planned: number | null;
  readonly quarantined: number;
  readonly revision: number;
  readonly complete: boolean;
  /** Says what is there while a step goes on. It never takes the place of a snapshot that says more of the same. */
  readonly growing?: boolean;
}

/**
 * The snapshot that now stands for the dataset: the latest one where it says the same already or this one comes too late (another
 * writer has gone further meanwhile), else a new version. Each version is created once and after what stands before it was seen, so
 * this holds however writers interleave.
 * @throws InputError where a commit belongs to another stage or key; DataError for a complete one in which something is missing
 */
export async function publishSnapshot(store: ObjectStore, next: NewSnapshot): Promise<Snapshot> {
  const commits = sortByInput(next.commits);
  for (const commit of commits) assertBelongs(next, commit);
  assertWhole(next, commits.length);
  const totals = totalsOf(next.tables, commits);
  const { signal } = next;
  const earlier = await latestSnapshot(store, next.dataset);
  if (earlier !== null && (saysTheSame(earlier, next, totals) || isLate(earlier, next))) return earlier;
  const segments = await cutSegments(store, { next, commits, earlier });
  for (let version = (earlier?.version ?? 0) + 1; ; version++) {
    const value: Snapshot = {
      formatVersion: 1,
      dataset: next.dataset,
      version,
      stage: next.stage,
      key: next.key,
      tables: [...next.tables],
      segments,
      commits: commits.length,
      planned: next.planned,
      quarantined: next.quarantined,
      complete: next.complete,
      ...totals,
      revision: next.revision,
      atMs: Date.now(),
    };
    const key = numberedKey(snapshotPrefix(next.dataset), version);
    const outcome = await crashStep('snapshot.put', () =>
      createRecord(store, { key, value, schema: snapshotRecord, signal }),
    );
    if (outcome.created) return value;
    if (isLate(outcome.record, next)) return outcome.record;
  }
}

/** The snapshot of highest version, or null where the dataset has none yet. */
export function latestSnapshot(store: ObjectStore, dataset: string): Promise<Snapshot | null> {
  return readNewest(store, snapshotPrefix(dataset), snapshotRecord);
}

/** One version of a dataset, or null. */
export function getSnapshot(store: ObjectStore, dataset: string, version: number): Promise<Snapshot | null> {
  return readRecord(store, numberedKey(snapshotPrefix(dataset), version), snapshotRecord);
}

/** Names of all datasets with their latest versions, in the order of names; `within`: a run's name, for its own. */
export async function listDatasets(
  store: ObjectStore,
  within?: string,
): Promise<{ readonly dataset: string; readonly version: number }[]> {
  const prefix = within === undefined ? 'snapshots/' : snapshotPrefix(within);
  const versions = await listVersions(store, prefix);
  return versions.map(({ name, version }) => ({ dataset: name, version }));
}

/** The snapshot's commits, sorted by input. */
export function readSnapshotCommits(
  store: ObjectStore,
  snapshot: Snapshot,
  options?: CallOptions,
): AsyncIterable<Commit> {
  return readSegments(store, snapshot.segments, options);
}

/**
 * The latest snapshot's commits by input, for `readCommits`; empty where there is none of that stage and key. Only those whose
 * records stand since before the snapshot was stored: what was removed, or made anew, is not what the snapshot says.
 * @param of.records the commit records that stand
 */
export async function knownCommits(
  store: ObjectStore,
  dataset: string,
  of: { readonly stage: string; readonly key: string; readonly records: ReadonlyMap<string, ObjectInfo> },
): Promise<Map<string, Commit>> {
  const snapshot = await latestSnapshot(store, dataset);
  const known = new Map<string, Commit>();
  if (snapshot?.stage !== of.stage || snapshot.key !== of.key) return known;
  const stored = await store.head(numberedKey(snapshotPrefix(dataset), snapshot.version));
  const before = (stored?.modifiedMs ?? 0) - CLOCK_GRAIN_MS;
  for await (const commit of readSnapshotCommits(store, snapshot)) {
    const record = of.records.get(commit.input);
    if (record !== undefined && record.modifiedMs < before) known.set(commit.input, commit);
  }
  return known;
}

type Totals = Pick<Snapshot, 'rows' | 'bytes' | 'digests'>;

function totalsOf(tables: readonly string[], commits: readonly Commit[]): Totals {
  const totals: Totals = { rows: {}, bytes: {}, digests: {} };
  for (const table of tables) {
    const objects = commits.flatMap((c) => c.objects).filter((o) => o.table === table);
    totals.rows[table] = objects.reduce((sum, object) => sum + object.rows, 0);
    totals.bytes[table] = objects.reduce((sum, object) => sum + object.bytes, 0);
    totals.digests[table] = datasetDigest(objects);
  }
  return totals;
}

/** Whether what stands is of a later revision or, where the next one is growing, has all of its plan or more commits. */
function isLate(standing: Snapshot, { revision, growing, key, commits }: NewSnapshot): boolean {
  if (standing.revision !== revision) return standing.revision > revision;
  if (growing !== true || standing.key !== key) return false;
  return standing.complete || standing.commits > new Set(commits.map(({ input }) => input)).size;
}

function saysTheSame(earlier: Snapshot, next: NewSnapshot, totals: Totals): boolean {
  return (
    earlier.key === next.key &&
    earlier.commits === new Set(next.commits.map((commit) => commit.input)).size &&
    earlier.complete === next.complete &&
    earlier.planned === next.planned &&
    earlier.quarantined === next.quarantined &&
    earlier.revision === next.revision &&
    earlier.tables.join() === next.tables.join() &&
    next.tables.every((table) => earlier.digests[table] === totals.digests[table])
  );
}

interface Cut {
  readonly next: NewSnapshot;
  readonly commits: readonly Commit[];
  readonly earlier: Snapshot | null;
}

/**
 * Segments that together hold exactly the commits. Earlier segments whose commits are all wanted are kept, but a small
 * one is joined with what is new unless it is larger than that: their number grows with the logarithm of the commits.
 */
async function cutSegments(store: ObjectStore, cut: Cut): Promise<Segment[]> {
  const wanted = new Map(cut.commits.map((commit) => [commit.input, sha256Hex(versionOf(commit))]));
  const rest = new Set(wanted.keys());
  const kept: { readonly segment: Segment; readonly inputs: readonly string[] }[] = [];
  const reusable = cut.earlier?.key === cut.next.key ? cut.earlier.segments : [];
  for (const segment of reusable) {
    const held = await contentOf(store, segment);
    const inputs = [...held.keys()];
    if (!inputs.every((input) => rest.has(input) && wanted.get(input) === held.get(input))) continue;
    for (const input of inputs) rest.delete(input);
    kept.push({ segment, inputs });
  }
  let fresh = rest.size;
  const small = kept.filter(({ segment }) => segment.commits < SEGMENT_COMMITS);
  small.sort((a, b) => a.segment.commits - b.segment.commits);
  const joined = new Set<string>(rest);
  const dropped = new Set<Segment>();
  for (const { segment, inputs } of small) {
    if (fresh === 0 || segment.commits > fresh) break;
    for (const input of inputs) joined.add(input);
    dropped.add(segment);
    fresh += segment.commits;
  }
  const tail = cut.commits.filter((commit) => joined.has(commit.input));
  const segments = kept.map(({ segment }) => segment).filter((segment) => !dropped.has(segment));
  for (let at = 0; at < tail.length; at += SEGMENT_COMMITS) {
    const piece = tail.slice(at, at + SEGMENT_COMMITS);
    const segment = await writeSegment(store, piece, cut.next);
    remember(store, segment.sha256, piece);
    segments.push(segment);
  }
  return segments;
}

/** What distinguishes a commit from another of the same work: a commit that was removed may be made again. */
function versionOf({ attempt, committedMs, objects }: Commit): string {
  return [attempt, committedMs, ...objects.map(({ sha256 }) => sha256)].join(' ');
}

/** Versions by input, of a segment. */
type SegmentContent = ReadonlyMap<string, string>;

/** Per address and segment: its content never changes, so each is read at most once per process. */
const contents = new Map<string, Map<string, SegmentContent>>();

async function contentOf(store: ObjectStore, segment: Segment): Promise<SegmentContent> {
  const held = contents.get(store.addressId)?.get(segment.sha256);
  return held ?? remember(store, segment.sha256, await readSegment(store, segment));
}

function remember(store: ObjectStore, sha256: string, commits: readonly Commit[]): SegmentContent {
  const held = contents.get(store.addressId) ?? new Map<string, SegmentContent>();
  contents.set(store.addressId, held);
  const content = new Map(commits.map((commit) => [commit.input, sha256Hex(versionOf(commit))]));
  held.set(sha256, content);
  return content;
}

/** Complete means that everything planned is there or known to be bad. */
function assertWhole({ dataset, complete, planned, quarantined }: NewSnapshot, commits: number): void {
  if (!complete || commits + quarantined === planned) return;
  throw new DataError(
    `Expected ${planned ?? 'a known number of'} items of ${dataset} to be committed or quarantined before it is published as complete, found ${commits} commits and ${quarantined} quarantined; commits were removed meanwhile: resume the run.`,
    { dataset, planned, commits, quarantined },
  );
}

function assertBelongs(next: NewSnapshot, commit: Commit): void {
  if (commit.stage === next.stage && commit.key === next.key) return;
  throw new InputError(
    `Expected commits of ${next.stage}/${next.key} in a snapshot of ${next.dataset}, found one of ${commit.stage}/${commit.key} (input ${commit.input}); publish each key as its own dataset.`,
    { dataset: next.dataset, stage: commit.stage, key: commit.key, input: commit.input },
  );
}
