// Proof: a dictionary of 2^20 features is indexed, profiled and labelled by compute children that each stay below 4 GB. The shards are
// drawn, not encoded: a few features fire often, most rarely (bench/top/synthetic-shards.ts); rows, tokens and postings agree.
import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { digestOf } from '../../core/identity/digest.js';
import { openHost, type Host } from '../../pipeline/execute/host.js';
import type { Commit, ObjectRecord } from '../../schemas/records.js';
import type { StoredFile } from '../../schemas/stored.js';
import { writeCounts } from '../../stages/encode/counts-file.js';
import { planIndexItems } from '../../stages/index/plan.js';
import { runIndex } from '../../stages/index/run.js';
import { planLabelItem } from '../../stages/label/plan.js';
import { runLabels } from '../../stages/label/run.js';
import type { ProfileConfig, ProfileKeyed } from '../../stages/profile/config.js';
import { planProfileItems } from '../../stages/profile/plan.js';
import { runProfile } from '../../stages/profile/run.js';
import type { SpoolFile, StageContext, StageResult, WorkItem } from '../../stages/stage.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { openStore } from '../../storage/objects/open-store.js';
import { putDataFile } from '../../storage/records/data-objects.js';
import { writeSegment } from '../../storage/records/segments.js';
import type { TableColumns, TableName } from '../../storage/tables/layouts.js';
import type { TableFile } from '../../storage/tables/table-file.js';
import { TableWriter } from '../../storage/tables/table-writer.js';
import { DOCUMENT_TOKENS, drawShard, expectedFirings, shardTokens } from '../../bench/top/synthetic-shards.js';
import { TINY_LM, TOKENIZER } from '../harness/fixtures.js';

const FEATURES = Number(process.argv[2] ?? 2 ** 20);
const SHAPE = { features: FEATURES, shards: 8, postings: 8 * 32_768 * 32 };
const WIDTH = 128;
const TOP = 64;
const LIMIT_GB = 4;
const KEY = digestOf('prove-wide');
const PACKING = { contextTokens: DOCUMENT_TOKENS + 1, prepended: true, packing: 'document' } as const;
const ENGINE = { ort: 'any', provider: 'cpu', threads: 2, optimisation: 'all' } as const;

interface Scene {
  readonly store: ObjectStore;
  readonly folder: string;
  readonly tokens: Commit[];
  readonly encoded: Commit[];
}

async function putFile({ store }: Scene, shard: string, file: SpoolFile | TableFile): Promise<ObjectRecord> {
  const { key, sha256, bytes } = await putDataFile(store, file);
  return { table: file.table, shard, key, sha256, bytes, rows: file.rows, batches: [...file.batches] };
}

async function putTable<T extends TableName>(
  scene: Scene,
  at: { readonly table: T; readonly shard: string },
  columns: TableColumns[T],
): Promise<ObjectRecord[]> {
  const target = path.join(scene.folder, `${at.table}.arrow`);
  const writer = await TableWriter.open({ ...at, path: target, metadata: null });
  await writer.write(columns);
  const records: ObjectRecord[] = [];
  for (const file of await writer.finish()) records.push(await putFile(scene, at.shard, file));
  return records;
}

function commitOf(shard: string, parts: Pick<Commit, 'stage' | 'objects' | 'statistics' | 'inputs'>): Commit {
  return {
    ...{ formatVersion: 1, key: KEY, input: digestOf([parts.stage, shard]), shard, split: 'test', engine: null },
    ...{ attempt: 'prove', wallMs: 0, committedMs: 0, prereg: null },
    producer: { version: '0', host: 'prove', run: 'prove', revision: 0 },
    ...parts,
  };
}

async function drawShards(scene: Scene): Promise<void> {
  const expected = expectedFirings(SHAPE);
  for (let index = 0; index < SHAPE.shards; index++) {
    const drawn = drawShard(SHAPE, index, expected);
    const shard = `shard-${String(index).padStart(5, '0')}`;
    // The vocabulary of the model that promotes.
    const tokens = { ...drawn.tokens, ids: drawn.tokens.ids.map((id) => id % 4096) };
    scene.tokens.push(
      commitOf(shard, {
        ...{ stage: 'tokens', inputs: {}, statistics: {} },
        objects: await putTable(scene, { table: 'tokens', shard }, tokens),
      }),
    );
    const rows = shardTokens(SHAPE);
    const fired = new Uint32Array(FEATURES);
    for (const feature of drawn.run.feature) fired[feature] = (fired[feature] as number) + 1;
    const documents = rows / DOCUMENT_TOKENS;
    const counts = { perDocument: new Float64Array(4 * documents).fill(1), sumX: new Float64Array(WIDTH), fired };
    const file = await writeCounts(path.join(scene.folder, 'counts.safetensors'), counts, {});
    scene.encoded.push(
      commitOf(shard, {
        ...{ stage: 'encode', inputs: {} },
        statistics: { rows, documents, firings: drawn.run.feature.length, xSq: rows, errSq: rows / 2 },
        objects: [
          ...(await putTable(scene, { table: 'acts', shard }, drawn.acts)),
          ...(await putTable(scene, { table: 'postings', shard }, drawn.run)),
          await putFile(scene, shard, file),
        ],
      }),
    );
  }
}

/** A decoder of random rows: W_dec [F, WIDTH] alone. */
async function writeDecoder({ folder, store }: Scene): Promise<StoredFile> {
  const target = path.join(folder, 'weights.safetensors');
  const bytes = 4 * FEATURES * WIDTH;
  const text = JSON.stringify({ W_dec: { dtype: 'F32', shape: [FEATURES, WIDTH], data_offsets: [0, bytes] } });
  const header = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const lead = Buffer.alloc(8);
  lead.writeBigUInt64LE(BigInt(header.length));
  await writeFile(target, Buffer.concat([lead, header]));
  for (let at = 0; at < bytes; at += 2 ** 22) {
    const random = randomBytes(2 ** 22);
    const rows = Float32Array.from({ length: 2 ** 20 }, (_, i) => (random[4 * i] as number) - 127.5);
    await appendFile(target, new Uint8Array(rows.buffer).subarray(0, bytes - at));
  }
  return putStored(store, target);
}

async function putStored(store: ObjectStore, file: string): Promise<StoredFile> {
  const { hashFile } = await import('../../models/model-files.js');
  const { stat } = await import('node:fs/promises');
  const extension = path.extname(file).slice(1);
  return putDataFile(store, { path: file, sha256: await hashFile(file), bytes: (await stat(file)).size, extension });
}

interface Step<Config> {
  readonly name: string;
  readonly items: readonly WorkItem[];
  readonly config: Config;
  readonly run: (item: WorkItem, config: Config, context: StageContext) => Promise<StageResult>;
}

/** Runs the items in one child; prints its peak and the time. */
async function runStep<Config>(scene: Scene, { name, items, config, run }: Step<Config>): Promise<Commit[]> {
  const host: Host = await openHost({
    ...{ folder: path.join(scene.folder, 'host'), slots: 1, memoryBytes: 64 * 2 ** 30, cacheBytes: 32 * 2 ** 30 },
    environment: process.env,
  });
  const commits: Commit[] = [];
  const start = performance.now();
  try {
    for (const item of items) {
      const spool = await mkdtemp(path.join(scene.folder, 'spool-'));
      const { signal } = new AbortController();
      const { store } = scene;
      const context = { store, cache: host.cacheFor(store), children: host.children, spool, signal, stop: signal };
      const { outputs } = await run(item, config, { ...context, progress: () => undefined });
      const objects: ObjectRecord[] = [];
      for (const file of outputs[0]?.files ?? []) objects.push(await putFile(scene, item.shard, file));
      commits.push(commitOf(item.shard, { stage: item.stage, objects, statistics: {}, inputs: item.inputs }));
      await rm(spool, { recursive: true });
    }
  } finally {
    await host.close();
  }
  const seconds = (performance.now() - start) / 1000;
  const rows = SHAPE.shards * shardTokens(SHAPE);
  const gb = host.children.peakBytes / 2 ** 30;
  const bytes = commits.flatMap(({ objects }) => objects).reduce((sum, object) => sum + object.bytes, 0);
  console.log(
    `${name.padEnd(20)} ${String(items.length).padStart(3)} items  ${seconds.toFixed(1).padStart(7)} s  ` +
      `${((seconds / rows) * 1e6).toFixed(1).padStart(7)} µs/token  peak of the child ${gb.toFixed(2)} GB  ` +
      `${(bytes / 2 ** 20).toFixed(0)} MB written`,
  );
  if (gb > LIMIT_GB) process.exitCode = 1;
  return commits;
}

async function prove(scene: Scene): Promise<void> {
  const rows = SHAPE.shards * shardTokens(SHAPE);
  console.log(`${FEATURES} features, ${rows} rows, ${rows * 32} firings expected, decoder width ${WIDTH}`);
  await drawShards(scene);
  const segments = [await writeSegment(scene.store, scene.encoded)];
  const tokens = [await writeSegment(scene.store, scene.tokens)];
  const of = { key: KEY, snapshot: KEY };
  const indexConfig = {
    keyed: { encodeKey: KEY, topExamples: TOP, features: FEATURES, ...PACKING },
    aux: { name: 'wide', site: 'blocks.2.hook_resid_post', width: WIDTH },
  };
  const planned = planIndexItems({
    ...of,
    features: FEATURES,
    topExamples: TOP,
    commits: scene.encoded,
    segments,
    tokens,
  });
  const isMetrics = (item: WorkItem): boolean => (item.inputs as { range: unknown }).range === 'metrics';
  const runRange = (item: WorkItem, own: typeof indexConfig, context: StageContext): Promise<StageResult> =>
    runIndex(item as (typeof planned)[number], own, context);
  const index = { config: indexConfig, run: runRange };
  const indexed = await runStep(scene, { name: 'index', items: planned.filter((item) => !isMetrics(item)), ...index });
  await runStep(scene, { name: 'index (metrics)', items: planned.filter(isMetrics), ...index });

  const weights = await writeDecoder(scene);
  const model = await putStored(scene.store, path.join(TINY_LM, 'model.onnx'));
  const rowRule = { ...PACKING, dropPositions: [], dropTokens: [] };
  const table = { tableVersion: 1, indexKey: KEY };
  const site = 'blocks.2.hook_resid_post';
  const keyed: readonly ProfileKeyed[] = [
    { table: 'bands', ...table, rows: rowRule },
    {
      ...{ table: 'promoted', ...table, rows: rowRule, dictionary: weights.sha256, sites: site },
      ...{ model: { base: model.sha256, edits: [] }, engine: ENGINE },
    },
    { table: 'neighbours', ...table, dictionary: weights.sha256, upTo: 131_072, engine: ENGINE },
  ];
  const upstream = {
    index: { commits: indexed },
    encoded: { commits: scene.encoded, segments },
    tokens: { segments: tokens },
  };
  const profiled: Commit[] = [];
  for (const own of keyed) {
    const config: ProfileConfig = {
      keyed: own,
      aux: {
        ...{ name: 'wide', site, features: FEATURES, weights, model },
        ...{ external: [], reference: 'tiny-lm' },
        writes: [{ site, width: WIDTH, tensor: 'W_dec', features: FEATURES }],
      },
    };
    const items = planProfileItems({ ...of, upstream, config });
    const run = (item: WorkItem, given: ProfileConfig, context: StageContext): Promise<StageResult> =>
      runProfile(item as (typeof items)[number], given, context);
    profiled.push(...(await runStep(scene, { name: `profile (${own.table})`, items, config, run })));
  }

  const commits = [...indexed, ...profiled.filter(({ shard }) => !shard.startsWith('neighbours'))];
  const ranges = indexed.map(({ inputs }) => (inputs as { range: { from: number; to: number } }).range);
  const items = ranges.map((range) => planLabelItem({ ...of, range, commits, tokens }));
  const labelConfig = {
    keyed: { indexKey: KEY, bandsKey: KEY, promotedKey: KEY, tokenizer: '' },
    aux: { name: 'wide', site, tokenizer: await putStored(scene.store, TOKENIZER), reference: 'tiny-lm' },
  };
  const run = (item: WorkItem, given: typeof labelConfig, context: StageContext): Promise<StageResult> =>
    runLabels(item as (typeof items)[number], given, context);
  await runStep(scene, { name: 'label', items, config: labelConfig, run });
}

const folder = await mkdtemp(path.join(os.tmpdir(), 'assay-wide-'));
try {
  await mkdir(path.join(folder, 'host'));
  const store = await openStore(path.join(folder, 'store'));
  await prove({ store, folder, tokens: [], encoded: [] });
  await store.close();
} finally {
  await rm(folder, { recursive: true, force: true });
}
