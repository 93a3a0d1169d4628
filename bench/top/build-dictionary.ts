// Writes a synthetic dictionary into a store as the encode stage would and compacts it by the index stage's own plan, run
// and child tasks, in this process.
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { digestOf } from '../../core/identity/digest.js';
import type { Commit, ObjectRecord } from '../../schemas/records.js';
import type { IndexConfig } from '../../stages/index/config.js';
import { indexTasks } from '../../stages/index/task.js';
import { planIndexItems } from '../../stages/index/plan.js';
import { runIndex } from '../../stages/index/run.js';
import type { ComputeChildren, StageContext } from '../../stages/stage.js';
import { openLocalCache } from '../../storage/cache/local-cache.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { DictionaryObjects } from '../../reading/dictionary/dictionary.js';
import { putDataFile } from '../../storage/records/data-objects.js';
import { writeSegment } from '../../storage/records/segments.js';
import type { TableColumns, TableName } from '../../storage/tables/layouts.js';
import type { TableFile } from '../../storage/tables/table-file.js';
import { TableWriter } from '../../storage/tables/table-writer.js';
import { DOCUMENT_TOKENS, drawShard, expectedFirings, shardTokens, type SyntheticShape } from './synthetic-shards.js';

export interface BuildOptions extends SyntheticShape {
  readonly topExamples: number;
  readonly store: ObjectStore;
  /** Scratch folder. */
  readonly folder: string;
  readonly log: (text: string) => void;
}

const KEY = digestOf('bench-top');
const PACKING = {
  contextTokens: DOCUMENT_TOKENS + 1,
  prepended: true,
  packing: 'document',
} as const;

/** The objects of the compacted dictionary. */
export async function buildDictionary(options: BuildOptions): Promise<DictionaryObjects> {
  const { log, store } = options;
  const tokens: Commit[] = [];
  const encoded: Commit[] = [];
  const expected = expectedFirings(options);
  for (let index = 0; index < options.shards; index++) {
    const shard = drawShard(options, index, expected);
    const name = `shard-${String(index).padStart(5, '0')}`;
    const put = <T extends TableName>(table: T, columns: TableColumns[T]): Promise<ObjectRecord[]> =>
      putTable(options, { table, shard: name }, columns);
    tokens.push(
      commitOf(
        ['tokens', name],
        [...(await put('tokens', shard.tokens)), ...(await put('documents', shard.documents))],
      ),
    );
    encoded.push(
      commitOf(
        ['encode', name],
        [...(await put('acts', shard.acts)), ...(await put('postings', shard.run))],
        shardTokens(options),
      ),
    );
    if ((index + 1) % 50 === 0) log(`${index + 1} of ${options.shards} shards written`);
  }
  const segments = [await writeSegment(store, encoded)];
  const indexed = await compact(options, encoded, {
    segments,
    tokens: [await writeSegment(store, tokens)],
  });
  return {
    indexed,
    encoded: encoded.flatMap((c) => c.objects),
    tokens: tokens.flatMap((c) => c.objects),
    packing: PACKING,
  };
}

async function compact(
  options: BuildOptions,
  encoded: readonly Commit[],
  pinned: Pick<Parameters<typeof planIndexItems>[0], 'segments' | 'tokens'>,
): Promise<ObjectRecord[]> {
  const { features, topExamples, log, folder } = options;
  const config: IndexConfig = {
    keyed: { encodeKey: KEY, topExamples, features, ...PACKING },
    aux: { name: 'bench', site: 'bench', width: 1 },
  };
  const items = planIndexItems({
    key: KEY,
    features,
    topExamples,
    snapshot: KEY,
    commits: encoded,
    ...pinned,
  });
  const indexed: ObjectRecord[] = [];
  for (const item of items.filter((i) => i.inputs.range !== 'metrics')) {
    const spool = path.join(folder, 'spool');
    await mkdir(spool, { recursive: true });
    const result = await runIndex(item, config, contextOf(options, spool));
    for (const { files } of result.outputs)
      for (const file of files) indexed.push(await putFile(options.store, item.shard, file));
    await rm(spool, { recursive: true });
    log(`compacted ${item.shard}`);
  }
  return indexed;
}

function contextOf({ store, folder }: BuildOptions, spool: string): StageContext {
  const { signal } = new AbortController();
  const cache = openLocalCache({ store, folder: path.join(folder, 'cache'), budgetBytes: 2 ** 30 });
  return {
    store,
    cache,
    children: IN_PROCESS,
    spool,
    signal,
    stop: signal,
    progress: () => undefined,
  };
}

/** Runs the tasks in this process: what is measured is reading, and the bytes are the same. */
const IN_PROCESS: ComputeChildren = {
  async call<Response>(
    task: string,
    request: unknown,
    call: Parameters<ComputeChildren['call']>[2],
  ): Promise<Response> {
    const handler = indexTasks[task as keyof typeof indexTasks] as (
      request: unknown,
      context: unknown,
    ) => Promise<Response>;
    const ask = (what: string, asked: unknown): Promise<unknown> | undefined => call.onAsk?.(what, asked);
    return handler(request, { stop: call.signal, alive: () => undefined, progress: () => undefined, ask });
  },
  stopAll: () => undefined,
};

async function putTable<T extends TableName>(
  options: BuildOptions,
  at: { readonly table: T; readonly shard: string },
  columns: TableColumns[T],
): Promise<ObjectRecord[]> {
  const writer = await TableWriter.open({
    ...at,
    path: path.join(options.folder, `${at.table}.arrow`),
    metadata: null,
  });
  await writer.write(columns);
  const records: ObjectRecord[] = [];
  for (const file of await writer.finish()) records.push(await putFile(options.store, at.shard, file));
  return records;
}

async function putFile(
  store: ObjectStore,
  shard: string,
  file: Omit<TableFile, 'extension'> & { readonly extension: string },
): Promise<ObjectRecord> {
  const { key, sha256, bytes } = await putDataFile(store, file);
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

function commitOf(
  [stage, shard]: readonly ['tokens' | 'encode', string],
  objects: Commit['objects'],
  rows = 0,
): Commit {
  return {
    formatVersion: 1,
    stage,
    key: KEY,
    input: digestOf([stage, shard]),
    inputs: {},
    shard,
    split: 'test',
    objects,
    statistics: { rows },
    engine: null,
    attempt: 'bench',
    wallMs: 0,
    committedMs: 0,
    producer: { version: '0', host: 'bench', run: 'bench', revision: 0 },
    prereg: null,
  };
}
