// The stream stage on the worker's side: reads the pinned commits, hands shards to the compute child one at a time.
import type { Commit } from '../../schemas/records.js';
import { readSegments } from '../../storage/records/segments.js';
import type { StoredFile } from '../../schemas/stored.js';
import type { StreamConfig, StreamInputs } from './config.js';
import type { ChildOutput, StageContext, StageRun } from '../stage.js';
import { STREAM_TASK, type StreamAsks, type StreamRequest } from './messages.js';
import { streamKey, streamSources, type SourcePart } from './plan.js';

/** Writes one stream. */
export const runStream: StageRun<StreamConfig, StreamInputs> = async (item, config, context) => {
  const corpus = await commitsOf(item.aux.segments, context);
  const tokens = await commitsOf(item.aux.tokens, context);
  const parts = streamSources(config.keyed, { corpus, tokens });
  const request: StreamRequest = {
    spool: context.spool,
    config: config.keyed,
    parts: parts.map(({ shards }) => ({
      shards: shards.map(({ split, first }) => ({ split, first })),
    })),
  };
  const { files, statistics } = await context.children.call<ChildOutput>(STREAM_TASK, request, {
    signal: context.signal,
    onProgress: (value) => {
      context.progress(value as { tokens: number });
    },
    onAsk: (what, question) => answer(what as keyof StreamAsks, question, { parts, context }),
  });
  const { key } = streamKey(config);
  return { finished: true, outputs: [{ key, files, statistics, engine: null }] };
};

async function commitsOf(
  segments: readonly StoredFile[] | undefined,
  { store, signal }: StageContext,
): Promise<Commit[]> {
  const commits: Commit[] = [];
  for await (const commit of readSegments(store, segments ?? [], { signal })) commits.push(commit);
  return commits;
}

async function answer(
  what: keyof StreamAsks,
  question: unknown,
  from: { readonly parts: readonly SourcePart[]; readonly context: StageContext },
): Promise<unknown> {
  const { cache, signal } = from.context;
  const fetch = (objects: readonly StoredFile[]): Promise<string[]> =>
    Promise.all(objects.map((object) => cache.fetch(object, signal)));
  if (what === 'lines') {
    const { part, split } = question as StreamAsks['lines']['request'];
    return fetch(from.parts[part]?.lines.get(split) ?? []);
  }
  const { part, shard } = question as StreamAsks['shard']['request'];
  const source = from.parts[part]?.shards[shard];
  return {
    tokens: await fetch(source?.tokens ?? []),
    documents: await fetch(source?.documents ?? []),
  };
}
