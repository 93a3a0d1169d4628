// Runs one item of the profile stage in the worker: fetches the index's objects of a range, dictionary and model where the table
// needs them, and hands the child tokens or acts one shard at a time. Computes nothing itself.
import { fetchModel } from '../../models/fetch-model.js';
import { cpuClass } from '../../runtime/devices.js';
import { DataError } from '../../schemas/errors.js';
import type { Commit, EngineRecord, ObjectRecord } from '../../schemas/records.js';
import type { StoredFile } from '../../schemas/stored.js';
import { readSegments } from '../../storage/records/segments.js';
import { FetchAhead } from '../index/fetch-ahead.js';
import { numberOf } from '../index/statistics.js';
import type { ChildOutput, StageContext, StageResult, WorkItem } from '../stage.js';
import type { ProfileConfig, ProfileInputs } from './config.js';
import type { ProfileRequest } from './messages.js';

/** One encoded shard and the tokens of its documents. */
interface ShardObjects {
  readonly commit: Commit;
  readonly acts: readonly ObjectRecord[];
  readonly tokens: readonly ObjectRecord[];
  readonly firstDoc: number;
}

/** Makes one table's rows of one range of features. */
export async function runProfile(
  item: WorkItem<ProfileInputs>,
  config: ProfileConfig,
  context: StageContext,
): Promise<StageResult> {
  const { keyed, aux } = config;
  const shards = await readShards(item, context);
  const [key] = item.keys as readonly [string];
  const objects = (table: string): ObjectRecord[] => (item.aux.objects ?? []).filter((o) => o.table === table);
  const [postings, features] = [
    await fetchAll(objects('postings'), context),
    await fetchAll(objects('features'), context),
  ];
  const request: ProfileRequest = {
    ...{ spool: context.spool, key, shard: item.shard, range: item.inputs.range, keyed, postings, features },
    aux: { site: aux.site, features: aux.features, writes: aux.writes, reference: aux.reference },
    shards: shards.map(({ commit }) => ({
      ...{ shard: commit.shard, split: commit.split },
      ...{ rows: numberOf(commit, 'rows'), firings: numberOf(commit, 'firings') },
    })),
    weights: keyed.table === 'bands' ? null : await context.cache.fetch(aux.weights, context.signal),
    model:
      keyed.table === 'promoted' ? await fetchModel(context.cache, { ...aux, onnx: aux.model }, context.signal) : null,
  };
  const table = keyed.table === 'neighbours' ? 'acts' : 'tokens';
  const files = new FetchAhead(shards.length, (index) => fetchAll((shards[index] as ShardObjects)[table], context));
  try {
    const output = await context.children.call<ChildOutput>(`profile-${keyed.table}`, request, {
      signal: context.signal,
      onProgress: (value) => context.progress(value as { rows: number }),
      onAsk: (_what, asked) => files.take((asked as { index: number }).index),
    });
    const engine: EngineRecord | null = 'engine' in keyed ? { ...keyed.engine, cpu: await cpuClass() } : null;
    return { finished: true, outputs: [{ key, files: output.files, statistics: output.statistics, engine }] };
  } finally {
    await files.settled();
  }
}

/** The encoded shards that have rows, in document order, each with its tokens. @throws DataError where a shard has none */
async function readShards(item: WorkItem<ProfileInputs>, context: StageContext): Promise<ShardObjects[]> {
  const tokens = new Map((await readCommits(item.aux.tokens ?? [], context)).map((commit) => [commit.shard, commit]));
  const encoded = await readCommits(item.aux.segments ?? [], context);
  const shards = encoded.flatMap((commit): ShardObjects[] => {
    const acts = commit.objects.filter((o) => o.table === 'acts');
    const firstDoc = Math.min(...acts.flatMap(({ batches }) => batches.map(({ min }) => min)));
    if (firstDoc === Infinity) return [];
    const own = tokens.get(commit.shard);
    if (!own) throw noTokens(commit.shard);
    return [{ commit, acts, tokens: own.objects.filter((o) => o.table === 'tokens'), firstDoc }];
  });
  return shards.sort((a, b) => a.firstDoc - b.firstDoc);
}

async function fetchAll(objects: readonly StoredFile[], context: StageContext): Promise<string[]> {
  return Promise.all(
    objects.map(({ key, sha256, bytes }) => context.cache.fetch({ key, sha256, bytes }, context.signal)),
  );
}

async function readCommits(segments: readonly StoredFile[], { store, signal }: StageContext): Promise<Commit[]> {
  const commits: Commit[] = [];
  for await (const commit of readSegments(store, segments, { signal })) commits.push(commit);
  return commits;
}

function noTokens(shard: string): DataError {
  return new DataError(
    `Expected the tokens of encoded shard ${shard}, found no commit of that name; the dictionary was encoded from other tokens: run \`assay verify\` on both datasets.`,
    { shard },
  );
}
