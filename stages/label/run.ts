// Runs one item of the label stage in the worker: fetches the profile of a range of features and the tokenizer, and hands the child
// the tokens one shard at a time. Computes nothing itself.
import type { Commit, ObjectRecord } from '../../schemas/records.js';
import { readSegments } from '../../storage/records/segments.js';
import { FetchAhead } from '../index/fetch-ahead.js';
import type { ChildOutput, StageContext, StageResult, WorkItem } from '../stage.js';
import type { LabelConfig, LabelInputs } from './config.js';
import type { LabelRequest } from './task.js';

/** Labels the features of one range. */
export async function runLabels(
  item: WorkItem<LabelInputs>,
  config: LabelConfig,
  context: StageContext,
): Promise<StageResult> {
  const { store, signal, cache, spool, children } = context;
  const fetch = (objects: readonly ObjectRecord[]): Promise<string[]> =>
    Promise.all(objects.map(({ key, sha256, bytes }) => cache.fetch({ key, sha256, bytes }, signal)));
  const own = (table: string): Promise<string[]> =>
    fetch((item.aux.objects ?? []).filter((object) => object.table === table));
  const commits: Commit[] = [];
  for await (const commit of readSegments(store, item.aux.tokens ?? [], { signal })) commits.push(commit);
  const shards = commits.map(({ objects }) => objects.filter(({ table }) => table === 'tokens'));
  const [key] = item.keys as readonly [string];
  const { aux, keyed } = config;
  const request: LabelRequest = {
    ...{ spool, shard: item.shard, range: item.inputs.range },
    ...{ top: await own('top'), bands: await own('bands'), promoted: await own('promoted') },
    shards: shards.length,
    tokenizer: await cache.fetch(aux.tokenizer, signal),
    metadata: {
      ...{ key, index: keyed.indexKey, model: aux.reference, site: aux.site, units: 'balanced accuracy' },
    },
  };
  const files = new FetchAhead(shards.length, (index) => fetch(shards[index] ?? []));
  try {
    const output = await children.call<ChildOutput>('label', request, {
      signal,
      onProgress: (value) => context.progress(value as { rows: number }),
      onAsk: (_what, asked) => files.take((asked as { index: number }).index),
    });
    return { finished: true, outputs: [{ key, files: output.files, statistics: output.statistics, engine: null }] };
  } finally {
    await files.settled();
  }
}
