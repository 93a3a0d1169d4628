// The index stage's tasks in the compute child: merge the shards' sorted runs of one feature range into postings, features
// and top; sum up the dictionary's metrics. Asks the worker for one shard's run at a time; never touches the store.
import { readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { PackingOptions } from '../../core/corpus/packing.js';
import type { ChildContext, ChildTask } from '../../runtime/child/protocol.js';
import { decodeBatch } from '../../storage/tables/decode.js';
import { readTokensTable } from '../../storage/tables/read.js';
import type { TableMetadata } from '../../storage/tables/layouts.js';
import { TableWriter } from '../../storage/tables/table-writer.js';
import type { ChildOutput, SpoolFile } from '../stage.js';
import { readCounts } from '../encode/counts-file.js';
import { FeatureSummaries } from './feature-summaries.js';
import { summariseMetrics } from './metrics.js';
import { OrderCheck, mergeRuns, newBlock, type PostingBlock } from './posting-block.js';
import { SumCollector } from './split-sums.js';
import type { ShardTotals } from './statistics.js';
import { locatePostings, shardTokens, type Located } from './token-lookup.js';

export interface IndexRequest {
  readonly spool: string;
  readonly shard: string;
  readonly range: { readonly from: number; readonly to: number };
  /** Runs to ask for, in document order. */
  readonly runs: number;
  readonly k: number;
  readonly storedRows: number;
  readonly packing: PackingOptions;
  readonly metadata: TableMetadata<'postings' | 'features' | 'top'>;
}

/** What the metrics are made of: every shard's numbers, in the order of every sum; its counts are asked for one by one. */
export interface MetricsRequest {
  /** The worker answers ask('counts', {index}) with a local copy of this shard's counts object. */
  readonly shards: readonly ShardTotals[];
  readonly width: number;
  readonly features: number;
  /** Keys the resampling: the dictionary's index key. */
  readonly key: string;
}

/** The worker's answer to ask('run', {index}): the planned batches of one shard's run, end to end in one file. */
export interface RunSlice {
  readonly path: string | null;
  /** Byte lengths of the batches in the file. */
  readonly batches: readonly number[];
  /** Local tokens files of the shard's documents. */
  readonly tokens: readonly string[];
}

export interface IndexTasks {
  readonly index: ChildTask<IndexRequest, ChildOutput>;
  readonly 'index-metrics': ChildTask<MetricsRequest, ChildOutput>;
}

export const indexTasks: IndexTasks = {
  index: buildIndex,
  'index-metrics': buildMetrics,
};

async function buildMetrics(request: MetricsRequest, context: ChildContext): Promise<ChildOutput> {
  const { shards, width, features, key } = request;
  const collector = new SumCollector(request);
  for (const [index, totals] of shards.entries()) {
    const path = await context.ask<string>('counts', { index });
    const { documents, shard } = totals;
    collector.add(totals, await readCounts(path, shard, { documents, width, features }));
  }
  const metrics = summariseMetrics({ sums: collector.sums, features, key });
  return { files: [], statistics: { metrics } };
}

async function buildIndex(request: IndexRequest, context: ChildContext): Promise<ChildOutput> {
  const tables = await IndexTables.open(request);
  try {
    await fillTables(tables, request, context);
    return await tables.finish();
  } catch (error) {
    await tables.abort();
    throw error;
  }
}

async function fillTables(tables: IndexTables, request: IndexRequest, context: ChildContext): Promise<void> {
  const { range } = request;
  const single = range.to - range.from === 1;
  const runs: PostingBlock[] = [];
  let contextNumber = 0;
  for (let index = 0; index < request.runs; index++) {
    const loaded = await loadRun(await context.ask<RunSlice>('run', { index }), request, contextNumber);
    if (!loaded) continue;
    contextNumber = loaded.nextContext;
    // One feature alone may have any number of postings, and is in order as it comes.
    if (single) await tables.add(loaded.block, range.from);
    else runs.push(loaded.block);
    context.progress({ rows: loaded.block.feature.length });
  }
  for (const merged of mergeRuns(runs, range)) {
    context.alive();
    await tables.add(merged.block, merged.to);
  }
}

interface LoadedRun {
  readonly block: PostingBlock;
  readonly nextContext: number;
}

/** A shard's postings within the range; null where it has none. */
async function loadRun(slice: RunSlice, request: IndexRequest, firstContext: number): Promise<LoadedRun | null> {
  if (slice.path === null) return null;
  const bytes = await readFile(slice.path);
  await unlink(slice.path);
  const pieces: Located[] = [];
  let at = 0;
  for (const length of slice.batches) {
    const batch = await decodeBatch('postings', {}, bytes.subarray(at, at + length));
    pieces.push(withinRange(batch, request.range));
    at += length;
  }
  const postings = joinPostings(pieces);
  if (postings.feature.length === 0) return null;
  const tables = await Promise.all(slice.tokens.map((path) => readTokensTable(path)));
  const tokens = shardTokens(tables, request.packing);
  const block = locatePostings(postings, tokens, firstContext);
  return { block, nextContext: firstContext + tokens.contextCount };
}

/** The rows of a sorted batch that lie in the range, as views. */
function withinRange(batch: Located, { from, to }: IndexRequest['range']): Located {
  const start = lowerBound(batch.feature, from);
  const end = lowerBound(batch.feature, to);
  return {
    feature: batch.feature.subarray(start, end),
    doc: batch.doc.subarray(start, end),
    pos: batch.pos.subarray(start, end),
    value: batch.value.subarray(start, end),
  };
}

/** The first row whose value is not below `value`. */
function lowerBound(sorted: Uint32Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function joinPostings(pieces: readonly Located[]): Located {
  const joined = newBlock(pieces.reduce((sum, piece) => sum + piece.feature.length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.feature.set(piece.feature, at);
    joined.doc.set(piece.doc, at);
    joined.pos.set(piece.pos, at);
    joined.value.set(piece.value, at);
    at += piece.feature.length;
  }
  return joined;
}

/** The three tables that one range writes, in step. */
class IndexTables {
  readonly #request: IndexRequest;
  readonly #summaries: FeatureSummaries;
  readonly #order = new OrderCheck();
  readonly #postings: TableWriter<'postings'>;
  readonly #features: TableWriter<'features'>;
  readonly #top: TableWriter<'top'>;
  #counts = { postings: 0, silent: 0 };

  private constructor(
    request: IndexRequest,
    writers: readonly [TableWriter<'postings'>, TableWriter<'features'>, TableWriter<'top'>],
  ) {
    this.#request = request;
    [this.#postings, this.#features, this.#top] = writers;
    this.#summaries = new FeatureSummaries({
      ...request.range,
      k: request.k,
      storedRows: request.storedRows,
    });
  }

  static async open(request: IndexRequest): Promise<IndexTables> {
    const { spool, shard, metadata, k } = request;
    const path = (table: string): string => join(spool, `${table}.arrow`);
    const options = { shard, metadata, k };
    return new IndexTables(request, [
      await TableWriter.open({ ...options, table: 'postings', path: path('postings') }),
      await TableWriter.open({ ...options, table: 'features', path: path('features') }),
      await TableWriter.open({ ...options, table: 'top', path: path('top') }),
    ]);
  }

  /** Takes the next postings; every feature below `complete` has all of its own. */
  async add(block: PostingBlock, complete: number): Promise<void> {
    this.#order.check(block);
    this.#summaries.add(block);
    this.#counts.postings += block.feature.length;
    await this.#postings.write(block);
    await this.#close(complete);
  }

  async finish(): Promise<ChildOutput> {
    const { from, to } = this.#request.range;
    await this.#close(to);
    const files: SpoolFile[] = [
      ...(await this.#postings.finish()),
      ...(await this.#features.finish()),
      ...(await this.#top.finish()),
    ];
    return { files, statistics: { features: to - from, ...this.#counts } };
  }

  /** Gives the files up after a failure. */
  async abort(): Promise<void> {
    for (const writer of [this.#postings, this.#features, this.#top]) await writer.abort();
  }

  async #close(feature: number): Promise<void> {
    this.#summaries.closeBefore(feature);
    const { features, top } = this.#summaries.take();
    if (features.feature.length === 0) return;
    for (const silent of features.silent) this.#counts.silent += silent;
    await this.#features.write(features);
    await this.#top.write(top);
  }
}
