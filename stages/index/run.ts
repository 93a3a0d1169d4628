// Runs one item of the index stage in the worker: fetches the planned slices of all shards' sorted runs and their tokens
// (for the metrics: all shards' counts), and hands them to the compute child one shard at a time. Computes nothing itself.
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '../../schemas/errors.js';
import type { Commit, ObjectRecord } from '../../schemas/records.js';
import { newCounters, readBatchBytes } from '../../storage/scan/batch-reader.js';
import { planRanges } from '../../storage/scan/planner.js';
import { readSegments } from '../../storage/records/segments.js';
import type { IndexConfig, IndexInputs } from './config.js';
import type { StoredFile } from '../../schemas/stored.js';
import { COUNTS } from '../encode/counts-file.js';
import type { ChildOutput, StageContext, StageResult, WorkItem } from '../stage.js';
import type { IndexRequest, MetricsRequest, RunSlice } from './task.js';
import { FetchAhead } from './fetch-ahead.js';
import { numberOf, totalsOf } from './statistics.js';

/** One shard's sorted run and the tokens of its documents. */
interface ShardRun {
  readonly postings: readonly ObjectRecord[];
  readonly tokens: readonly ObjectRecord[];
  readonly firstDoc: number;
}

/** Merges one range of features, or sums up the metrics. */
export async function runIndex(
  item: WorkItem<IndexInputs>,
  config: IndexConfig,
  context: StageContext,
): Promise<StageResult> {
  const { range } = item.inputs;
  const output =
    range === 'metrics' ? await runMetrics(item, config, context) : await runRange({ item, range }, config, context);
  const key = item.keys[0] as string;
  return {
    finished: true,
    outputs: [{ key, files: output.files, statistics: output.statistics, engine: null }],
  };
}

async function runMetrics(
  item: WorkItem<IndexInputs>,
  config: IndexConfig,
  context: StageContext,
): Promise<ChildOutput> {
  const commits = await readCommits(item.aux.segments ?? [], context);
  const request: MetricsRequest = {
    shards: commits.map(totalsOf),
    features: config.keyed.features,
    width: config.aux.width,
    key: item.keys[0] as string,
  };
  const objects = commits.map(countsObject);
  const files = new FetchAhead(objects.length, async (index) => {
    const [path] = await fetchAll([objects[index] as ObjectRecord], context);
    return path as string;
  });
  try {
    return await context.children.call<ChildOutput>('index-metrics', request, {
      signal: context.signal,
      onAsk: (_what, asked) => files.take((asked as { index: number }).index),
    });
  } finally {
    await files.settled();
  }
}

/** @throws DataError that names a commit without its counts */
function countsObject({ shard, objects }: Commit): ObjectRecord {
  const object = objects.find((o) => o.table === COUNTS);
  if (object) return object;
  throw new DataError(
    `Expected an object "${COUNTS}" in encode commit ${shard}, found ${objects.map((o) => o.table).join(', ')}; run \`assay resume --mode all\` to encode it again.`,
    { shard },
  );
}

interface RangeItem {
  readonly item: WorkItem<IndexInputs>;
  readonly range: Exclude<IndexInputs['range'], 'metrics'>;
}

async function runRange({ item, range }: RangeItem, config: IndexConfig, context: StageContext): Promise<ChildOutput> {
  const commits = await readCommits(item.aux.segments ?? [], context);
  const runs = shardRuns(commits, await readCommits(item.aux.tokens ?? [], context));
  const { contextTokens, prepended, packing, topExamples, encodeKey } = config.keyed;
  const request: IndexRequest = {
    spool: context.spool,
    shard: item.shard,
    range,
    runs: runs.length,
    k: topExamples,
    storedRows: commits.reduce((sum, commit) => sum + numberOf(commit, 'rows'), 0),
    packing: { contextTokens, prepended, packing },
    metadata: {
      key: item.keys[0] as string,
      encode: encodeKey,
      model: config.aux.model ?? '',
      site: config.aux.site,
      units: 'raw activation units',
    },
  };
  const slices = new FetchAhead(runs.length, (index) => fetchSlice(runs[index] as ShardRun, { range, index }, context));
  try {
    return await context.children.call<ChildOutput>('index', request, {
      signal: context.signal,
      onProgress: (value) => context.progress(value as { rows: number }),
      onAsk: (_what, asked) => slices.take((asked as { index: number }).index),
    });
  } finally {
    await slices.settled();
  }
}

/** Every shard's run with the tokens objects that share its documents, in document order. */
function shardRuns(encoded: readonly Commit[], tokenized: readonly Commit[]): ShardRun[] {
  const tokens = tokenized
    .flatMap((commit) => commit.objects)
    .filter((o) => o.table === 'tokens')
    .map((object) => ({ object, docs: docRange([object]) }));
  const runs = encoded.map((commit) => {
    const docs = docRange(commit.objects.filter((o) => o.table === 'acts'));
    return {
      postings: commit.objects.filter((o) => o.table === 'postings'),
      tokens: tokens.filter((t) => t.docs.min <= docs.max && t.docs.max >= docs.min).map((t) => t.object),
      firstDoc: docs.min,
    };
  });
  // A shard without rows has no first document (Infinity) and no postings: its place does not matter.
  return runs.sort((a, b) => a.firstDoc - b.firstDoc || 0);
}

function docRange(objects: readonly ObjectRecord[]): { min: number; max: number } {
  const batches = objects.flatMap((object) => object.batches);
  return {
    min: Math.min(...batches.map((b) => b.min)),
    max: Math.max(...batches.map((b) => b.max)),
  };
}

/** The planned slice of one shard's run, end to end in a spool file, and its tokens. */
async function fetchSlice(
  run: ShardRun,
  { range, index }: { readonly range: RangeItem['range']; readonly index: number },
  context: StageContext,
): Promise<RunSlice> {
  const { store, signal, spool } = context;
  const plan = planRanges(run.postings, { feature: range });
  if (plan.length === 0) return { path: null, batches: [], tokens: [] };
  const path = join(spool, `run-${index}.bin`);
  const batches: number[] = [];
  const file = await open(path, 'w');
  try {
    const reading = { store, signal, counters: newCounters() };
    for await (const { bytes } of readBatchBytes(plan, reading)) {
      await file.writeFile(bytes);
      batches.push(bytes.length);
    }
  } finally {
    await file.close();
  }
  return { path, batches, tokens: await fetchAll(run.tokens, context) };
}

async function fetchAll(objects: readonly StoredFile[], context: StageContext): Promise<string[]> {
  return Promise.all(
    objects.map(({ key, sha256, bytes }) => context.cache.fetch({ key, sha256, bytes }, context.signal)),
  );
}

/** The commits of a pinned snapshot in shard order: the order of every sum across shards. */
async function readCommits(segments: readonly StoredFile[], { store, signal }: StageContext): Promise<Commit[]> {
  const commits: Commit[] = [];
  for await (const commit of readSegments(store, segments, { signal })) commits.push(commit);
  return commits.sort((a, b) => (a.shard < b.shard ? -1 : 1));
}
