// Plans the streams of a training: one item for the tokens to train on and one for each split that is measured. Pure.
import { digestOf } from '../../core/identity/digest.js';
import type { Split } from '../../schemas/stages.js';
import { DataError } from '../../schemas/errors.js';
import type { Commit, ObjectRecord } from '../../schemas/records.js';
import type { StoredFile } from '../../schemas/stored.js';
import type { StreamConfig, StreamInputs } from './config.js';
import type { TokensInputs } from '../tokens/config.js';
import { readCorpusStatistics } from '../corpus/statistics.js';
import { datasetNames } from '../dataset-names.js';
import { keyOf } from '../definition.js';
import type { WorkItem } from '../stage.js';
import type { PinnedReader, Step, StepUnits } from '../step.js';
import type { Work } from '../work.js';
import type { StreamPart, StreamShard } from './messages.js';
import { plannedStreams, streamStage } from './stage.js';

/** Everything that the step plans; null while corpus or tokens are not complete. */
export async function planStreams(work: Work, step: Step, pinned: PinnedReader): Promise<StepUnits | null> {
  const items = await planStreamItems(work, pinned);
  if (!items) return null;
  const streams = plannedStreams(work).flatMap((stream) => {
    const item = items.get(stream.key);
    return item ? [{ ...stream, item }] : [];
  });
  return {
    stage: step.stage,
    groups: streams.map(({ key, item, config }) => ({ group: key, units: [{ item, config }] })),
    datasets: streams.map(({ dataset, tables, key }) => ({ dataset, tables, key, group: key })),
    preimages: streams.map(({ config }) => streamKey(config).preimage),
  };
}

/** The items of the streams by their keys, without those whose splits have no documents; null while tokens are missing. */
export async function planStreamItems(
  work: Work,
  pinned: PinnedReader,
): Promise<ReadonlyMap<string, WorkItem<StreamInputs>> | null> {
  const names = datasetNames(work.tokens.run);
  const corpus = await pinned(names.corpus);
  const tokens = await pinned(names.tokens);
  if (!corpus || !tokens) return null;
  const upstream = { corpus: corpus.commits, tokens: tokens.commits };
  const segments = { corpus: corpus.segments, tokens: tokens.segments };
  const items = plannedStreams(work).flatMap(({ key, config }) => {
    const item = planStreamItem({ config, ...upstream, segments });
    return item ? [[key, item] as const] : [];
  });
  return new Map(items);
}

/** Key of a stream and what it was made of. */
export function streamKey(config: StreamConfig): ReturnType<typeof keyOf> {
  return keyOf(streamStage, config.keyed);
}

/** A shard with the objects that it is read from. */
export interface SourceShard extends StreamShard {
  readonly name: string;
  /** Number of its first document. */
  readonly firstDoc: number;
  readonly tokens: readonly ObjectRecord[];
  readonly documents: readonly ObjectRecord[];
}

/** A part with the objects that say where its documents stood, by split. */
export interface SourcePart extends StreamPart {
  readonly shards: readonly SourceShard[];
  readonly lines: ReadonlyMap<string, readonly ObjectRecord[]>;
}

interface Upstream {
  /** Of the corpus stage. */
  readonly corpus: readonly Commit[];
  /** Of the tokens stage. */
  readonly tokens: readonly Commit[];
}

/**
 * The parts and shards that a stream is made of, in the order of the documents' numbers.
 * @throws DataError where a part was made by a release that kept no file order and the stream needs it
 */
export function streamSources(keyed: StreamConfig['keyed'], upstream: Upstream): SourcePart[] {
  const byName = new Map(upstream.tokens.map((commit) => [commit.shard, commit]));
  const parts = upstream.corpus.map((commit) => ({
    shards: shardsOf(commit, keyed.splits, byName),
    lines: keyed.order === 'file' ? linesOf(commit, keyed) : new Map<string, ObjectRecord[]>(),
  }));
  const first = (part: SourcePart): number => part.shards[0]?.firstDoc ?? 0;
  return parts.filter(({ shards }) => shards.length > 0).sort((a, b) => first(a) - first(b));
}

/** The shards of a part; one that is quarantined has no commit, and its documents are left out. */
function shardsOf(corpus: Commit, splits: readonly Split[], byName: ReadonlyMap<string, Commit>): SourceShard[] {
  const next: Record<Split, number> = { fit: 0, calib: 0, test: 0 };
  return readCorpusStatistics(corpus).shards.flatMap(({ name, split, documents }) => {
    const first = next[split];
    next[split] += documents;
    const commit = byName.get(name);
    if (!commit || !splits.includes(split)) return [];
    const { firstDoc } = commit.inputs as TokensInputs;
    const of = (table: string): ObjectRecord[] => commit.objects.filter((o) => o.table === table);
    return [{ name, split, first, firstDoc, tokens: of('tokens'), documents: of('documents') }];
  });
}

function linesOf(commit: Commit, keyed: StreamConfig['keyed']): Map<string, ObjectRecord[]> {
  const { splits } = readCorpusStatistics(commit);
  const found = keyed.splits.map((split) => {
    const shard = `${commit.shard}-${split}`;
    return [split, commit.objects.filter((o) => o.table === 'lines' && o.shard === shard)] as const;
  });
  for (const [split, objects] of found) {
    const rows = objects.reduce((sum, object) => sum + object.rows, 0);
    if (rows === splits[split].documents) continue;
    throw new DataError(
      `Expected part ${commit.shard} to say where its ${splits[split].documents} documents of split ${split} stood in their file, found ${rows} places; make the run anew with this release, or set training.order: shuffled.`,
      { part: commit.shard, split, rows },
    );
  }
  return new Map(found);
}

/** Digest of everything that the stream is made of. */
function sourceDigest(keyed: StreamConfig['keyed'], parts: readonly SourcePart[]): string {
  const digests = (objects: readonly ObjectRecord[]): string[] => objects.map((o) => o.sha256);
  return digestOf(
    parts.map(({ shards, lines }) => [
      shards.map((s) => [s.name, digests(s.tokens), keyed.lossWeights ? digests(s.documents) : null]),
      [...lines].map(([split, objects]) => [split, digests(objects)]),
    ]),
  );
}

export interface StreamItemParts extends Upstream {
  readonly config: StreamConfig;
  /** Segments of the pinned corpus and tokens snapshots. */
  readonly segments: {
    readonly corpus: readonly StoredFile[];
    readonly tokens: readonly StoredFile[];
  };
}

/** The item that writes a stream; null where its splits have no documents. */
export function planStreamItem(parts: StreamItemParts): WorkItem<StreamInputs> | null {
  const { config, segments } = parts;
  const sources = streamSources(config.keyed, parts);
  if (sources.length === 0) return null;
  const inputs = { snapshot: sourceDigest(config.keyed, sources) };
  const commits = sources.flatMap((part) => part.shards);
  return {
    stage: 'stream',
    keys: [streamKey(config).key],
    input: digestOf(inputs),
    inputs,
    shard: config.keyed.splits.join('-'),
    split: null,
    size: commits.reduce((sum, shard) => sum + shard.tokens.reduce((n, o) => n + o.bytes, 0), 0),
    aux: { segments: segments.corpus, tokens: segments.tokens },
  };
}
