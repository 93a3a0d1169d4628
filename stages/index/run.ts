// Runs one item of the index stage in the worker: fetches the planned slices of all shards' sorted runs and their tokens,
// and hands them to the compute child one shard at a time. Computes nothing itself.
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Commit, ObjectRecord } from '../../schemas/records.js';
import { newCounters, readBatchBytes } from '../../storage/query/batch-reader.js';
import { planRanges } from '../../storage/query/planner.js';
import { readSegments } from '../../storage/records/segments.js';
import type { IndexConfig, IndexInputs, StoredFile } from '../configs.js';
import type { ChildOutput, Stage, StageContext, StageResult, WorkItem } from '../stage.js';
import type { IndexRequest, RunSlice } from './child.js';
import { sumStatistics, type MetricsRequest } from './metrics.js';
import { numberOf } from './statistics.js';

export const indexStage: Stage<IndexConfig, IndexInputs> = {
  name: 'index',
  version: 1,
  run: runIndex,
};

/** Shards fetched ahead of the child. */
const AHEAD = 3;

/** One shard's sorted run and the tokens of its documents. */
interface ShardRun {
  readonly postings: readonly ObjectRecord[];
  readonly tokens: readonly ObjectRecord[];
  readonly firstDoc: number;
}

async function runIndex(
  item: WorkItem<IndexInputs>,
  config: IndexConfig,
  context: StageContext,
): Promise<StageResult> {
  const { range } = item.inputs;
  const output =
    range === 'metrics'
      ? await runMetrics(item, config, context)
      : await runRange({ item, range }, config, context);
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
  const { features } = config.keyed;
  const request: MetricsRequest = {
    sums: sumStatistics(commits, features),
    features,
    key: item.keys[0] as string,
  };
  return context.children.call<ChildOutput>('index-metrics', request, { signal: context.signal });
}

interface RangeItem {
  readonly item: WorkItem<IndexInputs>;
  readonly range: Exclude<IndexInputs['range'], 'metrics'>;
}

async function runRange(
  { item, range }: RangeItem,
  config: IndexConfig,
  context: StageContext,
): Promise<ChildOutput> {
  const commits = await readCommits(item.aux.segments ?? [], context);
  const runs = shardRuns(commits, await readCommits(item.aux.tokens ?? [], context));
  const { contextTokens, prepended, packing, topExamples, encodeKey } = config.keyed;
  const request: IndexRequest = {
    spool: context.spool,
    shard: item.shard,
    range,
    runs: runs.length,
    k: topExamples,
    storedRows: commits.reduce(
      (sum, commit) => sum + numberOf(commit.statistics, 'rows', commit.shard),
      0,
    ),
    packing: { contextTokens, prepended, packing },
    metadata: { key: item.keys[0] as string, encode: encodeKey, site: config.aux.site },
  };
  const slices = new SliceQueue(runs, range, context);
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
      tokens: tokens
        .filter((t) => t.docs.min <= docs.max && t.docs.max >= docs.min)
        .map((t) => t.object),
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

/** Fetches shards ahead of the child, so that it never waits for the store while it merges. */
class SliceQueue {
  readonly #runs: readonly ShardRun[];
  readonly #range: RangeItem['range'];
  readonly #context: StageContext;
  readonly #started = new Map<number, Promise<RunSlice>>();

  constructor(runs: readonly ShardRun[], range: RangeItem['range'], context: StageContext) {
    this.#runs = runs;
    this.#range = range;
    this.#context = context;
  }

  async take(index: number): Promise<RunSlice> {
    for (let i = index; i <= Math.min(index + AHEAD, this.#runs.length - 1); i++) {
      if (this.#started.has(i)) continue;
      const fetching = this.#fetch(i);
      fetching.catch(() => undefined); // reported when the child asks for it
      this.#started.set(i, fetching);
    }
    const slice = this.#started.get(index) as Promise<RunSlice>;
    await slice;
    this.#started.delete(index);
    return slice;
  }

  /** Resolves once nothing is being fetched any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#started.values());
  }

  async #fetch(index: number): Promise<RunSlice> {
    const run = this.#runs[index] as ShardRun;
    const { store, signal, spool } = this.#context;
    const plan = planRanges(run.postings, { feature: this.#range });
    if (plan.length === 0) return { path: null, batches: [], tokens: [] };
    const path = join(spool, `run-${index}.bin`);
    const batches: number[] = [];
    const file = await open(path, 'w');
    try {
      for await (const { bytes } of readBatchBytes(plan, {
        store,
        signal,
        counters: newCounters(),
      })) {
        await file.writeFile(bytes);
        batches.push(bytes.length);
      }
    } finally {
      await file.close();
    }
    return { path, batches, tokens: await fetchAll(run.tokens, this.#context) };
  }
}

async function fetchAll(objects: readonly StoredFile[], context: StageContext): Promise<string[]> {
  return Promise.all(
    objects.map(({ key, sha256, bytes }) =>
      context.cache.fetch({ key, sha256, bytes }, context.signal),
    ),
  );
}

/** The commits of a pinned snapshot in shard order: the order of every sum across shards. */
async function readCommits(
  segments: readonly StoredFile[],
  { store, signal }: StageContext,
): Promise<Commit[]> {
  const commits: Commit[] = [];
  for await (const commit of readSegments(store, segments, { signal })) commits.push(commit);
  return commits.sort((a, b) => (a.shard < b.shard ? -1 : 1));
}
