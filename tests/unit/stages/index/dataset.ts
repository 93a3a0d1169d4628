// A small encoded dataset in a store: seeded tokens and feature activations of several shards, as the tokens and encode
// stages would have committed them; and what the index must say of it, by brute force.
import { mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packContexts } from '../../../../core/corpus/packing.js';
import { sha256Hex } from '../../../../core/identity/digest.js';
import { floatToHalf } from '../../../../core/tensor/half.js';
import type { Commit, ObjectRecord } from '../../../../schemas/records.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import type { ObjectStore } from '../../../../storage/objects/object-store.js';
import type { TableColumns, TableName } from '../../../../storage/tables/layouts.js';
import type { TableFile } from '../../../../storage/tables/table-file.js';
import { TableWriter } from '../../../../storage/tables/table-writer.js';
import { writeCounts, type ShardCounts } from '../../../../stages/encode/counts-file.js';
import type { EncodeStatistics } from '../../../../stages/encode/statistics.js';
import type { SpoolFile } from '../../../../stages/stage.js';
import { drawShard, type Firing, type Shape, type ShardData } from './draw.js';

export interface Dataset {
  readonly shape: Shape;
  readonly store: ObjectStore;
  readonly folder: string;
  readonly shards: readonly ShardData[];
  readonly tokens: readonly Commit[];
  readonly encoded: readonly Commit[];
  readonly storedRows: number;
  /** Length of Σ x in the counts; default 1. */
  readonly width?: number;
}

/** A shard's run: its firings sorted by (feature, doc, pos). */
function sortedRun(shard: ShardData): TableColumns['postings'] {
  const sorted = [...shard.firings].sort((a, b) => a.feature - b.feature || a.doc - b.doc || a.pos - b.pos);
  return {
    feature: Uint32Array.from(sorted, (f) => f.feature),
    doc: Uint32Array.from(sorted, (f) => f.doc),
    pos: Uint32Array.from(sorted, (f) => f.pos),
    value: Uint16Array.from(sorted, (f) => floatToHalf(f.value)),
  };
}

/** Puts spool files into the store as data objects. */
export async function store(
  target: ObjectStore,
  shard: string,
  files: readonly (SpoolFile | TableFile)[],
): Promise<ObjectRecord[]> {
  const records: ObjectRecord[] = [];
  for (const { table, path, extension, sha256, bytes, rows, batches } of files) {
    const key = `data/${sha256.slice(0, 2)}/${sha256}.${extension}`;
    await target.putIfAbsent(key, await readFile(path));
    records.push({ table, shard, key, sha256, bytes, rows, batches: [...batches] });
  }
  return records;
}

async function put<T extends TableName>(
  dataset: { store: ObjectStore; folder: string },
  at: { shard: string; table: T },
  columns: TableColumns[T],
): Promise<ObjectRecord[]> {
  const writer = await TableWriter.open({
    table: at.table,
    path: join(dataset.folder, `${at.shard}-${at.table}.arrow`),
    shard: at.shard,
    metadata: null,
  });
  await writer.write(columns);
  return store(dataset.store, at.shard, await writer.finish());
}

/** Numbers as the encode stage keeps them; x is one-dimensional: Σx = rows. */
function encodeSums(
  shard: ShardData,
  features: number,
): { readonly statistics: EncodeStatistics; readonly counts: ShardCounts } {
  const { acts, tokens } = shard;
  const fired = new Uint32Array(features);
  for (const { feature } of shard.firings) fired[feature] = (fired[feature] ?? 0) + 1;
  const perDocument = new Float64Array(tokens.doc.length * 4);
  acts.doc.forEach((doc, row) => {
    const d = (doc - (tokens.doc[0] ?? 0)) * 4;
    const firings = (acts.features.offsets[row + 1] ?? 0) - (acts.features.offsets[row] ?? 0);
    [1, acts.xSq[row] ?? 0, acts.errSq[row] ?? 0, firings].forEach(
      (v, i) => (perDocument[d + i] = (perDocument[d + i] ?? 0) + v),
    );
  });
  const xSq = acts.xSq.reduce((sum, x) => sum + x, 0);
  // x̄ = 1: Σ(x − 1)² = Σx² − n.
  for (let d = 0; d < perDocument.length; d += 4)
    perDocument[d + 1] = (perDocument[d + 1] ?? 0) - (perDocument[d] ?? 0);
  const column = (i: number): number => perDocument.reduce((sum, v, at) => (at % 4 === i ? sum + v : sum), 0);
  return {
    statistics: {
      rows: column(0),
      documents: tokens.doc.length,
      firings: column(3),
      xSq,
      errSq: column(2),
    },
    counts: { perDocument, sumX: Float64Array.of(column(0)), fired },
  };
}

function commit(stage: 'tokens' | 'encode', shard: ShardData, rest: Pick<Commit, 'objects' | 'statistics'>): Commit {
  const key = sha256Hex(stage);
  const producer = { version: '0', host: 'h', run: 'r', revision: 0 };
  return {
    formatVersion: 1,
    stage,
    key,
    input: sha256Hex(shard.name),
    inputs: {},
    shard: shard.name,
    split: shard.split,
    engine: null,
    attempt: 'a',
    wallMs: 0,
    committedMs: 0,
    producer,
    prereg: null,
    ...rest,
  };
}

/** Builds the dataset in a memory store and a new folder within `place`. */
export async function buildDataset(place: string, shape: Shape): Promise<Dataset> {
  const folder = await mkdtemp(join(place, 'dataset-'));
  const memory = createMemoryStore();
  const at = { store: memory, folder };
  const shards = Array.from({ length: shape.shards }, (_, i) => drawShard(shape, i, i * shape.documents));
  const tokens: Commit[] = [];
  const encoded: Commit[] = [];
  for (const shard of shards) {
    tokens.push(
      commit('tokens', shard, {
        objects: [
          ...(await put(at, { shard: shard.name, table: 'tokens' }, shard.tokens)),
          ...(await put(at, { shard: shard.name, table: 'documents' }, shard.documents)),
        ],
        statistics: {},
      }),
    );
    const { statistics, counts } = encodeSums(shard, shape.features);
    const file = await writeCounts(join(folder, `${shard.name}-counts.safetensors`), counts, {});
    const objects = [
      ...(await put(at, { shard: shard.name, table: 'acts' }, shard.acts)),
      ...(await put(at, { shard: shard.name, table: 'postings' }, sortedRun(shard))),
      ...(await store(memory, shard.name, [file])),
    ];
    encoded.push(commit('encode', shard, { objects, statistics: { ...statistics } }));
  }
  const storedRows = shards.reduce((sum, shard) => sum + shard.acts.doc.length, 0);
  return { shape, store: memory, folder, shards, tokens, encoded, storedRows };
}

/** All firings in (feature, doc, pos) order. */
export function allFirings(dataset: Dataset): Firing[] {
  return dataset.shards
    .flatMap((s) => s.firings)
    .sort((a, b) => a.feature - b.feature || a.doc - b.doc || a.pos - b.pos);
}

/** A name for the context that holds a firing: the formula of packing `document`, else the shard's own packing. */
function contextName(dataset: Dataset, { doc, pos }: Firing): string {
  const { contextTokens, packing, documents } = dataset.shape;
  if (packing === 'document') return `${doc}/${Math.floor(pos / (contextTokens - 1))}`;
  const shard = Math.floor(doc / documents);
  const offsets = dataset.shards[shard]?.tokens.offsets ?? new Uint32Array(1);
  const { contexts } = packContexts(offsets, { contextTokens, packing, prepended: true });
  return `${shard}:${contexts[(offsets[doc % documents] ?? 0) + pos] ?? -1}`;
}

/** The strongest examples of a feature, by brute force: best of each context, then value descending, doc, pos. */
export function bruteTop(dataset: Dataset, feature: number, k: number): { doc: number; pos: number; value: number }[] {
  const best = new Map<string, Firing>();
  for (const firing of allFirings(dataset).filter((f) => f.feature === feature)) {
    const context = contextName(dataset, firing);
    const known = best.get(context);
    if (!known || firing.value > known.value) best.set(context, firing);
  }
  const sorted = [...best.values()].sort((a, b) => b.value - a.value || a.doc - b.doc || a.pos - b.pos);
  return sorted.slice(0, k).map(({ doc, pos, value }) => ({ doc, pos, value }));
}
