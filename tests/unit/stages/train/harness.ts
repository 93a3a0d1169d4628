// Stores small activations as the activations stage does and runs training and encoding against them, with the compute child's
// tasks called in this process.
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { oneSite } from '../../../../core/dictionaries/sites.js';
import { floatsToHalfs } from '../../../../core/tensor/half.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';
import type { Split } from '../../../../schemas/stages.js';
import type { StoredSettings } from '../../../../schemas/dictionaries.js';
import type { Commit, ObjectRecord } from '../../../../schemas/records.js';
import type { StoredFile } from '../../../../schemas/stored.js';
import type { EncodeConfig } from '../../../../stages/encode/config.js';
import type { TrainConfig } from '../../../../stages/train/config.js';
import { encodeTasks } from '../../../../stages/encode/task.js';
import type { SpoolFile, StageContext, StageOutput } from '../../../../stages/stage.js';
import { trainTasks } from '../../../../stages/train/task.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import type { ObjectStore } from '../../../../storage/objects/object-store.js';
import { writeSegment } from '../../../../storage/records/segments.js';
import { TableWriter } from '../../../../storage/tables/table-writer.js';
import { localChildren } from '../../../harness/local-children.js';

export const WIDTH = 16;
const DIRECTIONS = 40;
const SITE = 'blocks.0.hook_resid_post';
export const ENGINE = { ort: '1.30.0', provider: 'cpu', threads: 1, optimisation: 'all' } as const;

/** Rows made of a few of 40 random directions each, plus noise and a mean: what a dictionary can learn. */
export function makeRows(seed: number, rows: number, width = WIDTH): Float32Array {
  const directions = new KeyedRandom('directions');
  const basis = Float32Array.from({ length: DIRECTIONS * width }, () => directions.nextNormal());
  const random = new KeyedRandom('rows', seed);
  const x = new Float32Array(rows * width);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < width; j++) x[i * width + j] = 0.3 + 0.05 * random.nextNormal();
    for (let n = 0; n < 3; n++) {
      const [at, by] = [random.nextInt(DIRECTIONS), 1 + random.nextFloat()];
      for (let j = 0; j < width; j++)
        x[i * width + j] = (x[i * width + j] as number) + by * (basis[at * width + j] as number);
    }
  }
  return x;
}

export interface ShardSpec {
  readonly name: string;
  readonly split: Split;
  readonly rows: number;
  readonly seed: number;
}

export interface World {
  readonly store: ObjectStore;
  readonly folder: string;
  readonly commits: readonly Commit[];
  readonly segments: readonly StoredFile[];
  context(options?: {
    readonly stop?: AbortSignal;
    readonly onProgress?: (step: number) => void;
  }): Promise<StageContext>;
}

/** A store with activations of the given shards, whose files lie in a new folder within `place`; documents of 50 rows. */
export async function makeWorld(
  place: string,
  shards: readonly ShardSpec[],
  options: {
    readonly dtype?: 'float16' | 'float32';
    readonly rowsOf?: (shard: ShardSpec) => Float32Array;
    /** Sites beside the first, by the key of their activations. */
    readonly further?: Readonly<Record<string, (shard: ShardSpec) => Float32Array>>;
    /** Left out: one in memory. */
    readonly store?: ObjectStore;
  } = {},
): Promise<World> {
  const { dtype = 'float16', rowsOf = (shard: ShardSpec): Float32Array => makeRows(shard.seed, shard.rows) } = options;
  const sites = { [sha256('activations')]: rowsOf, ...options.further };
  const folder = await mkdtemp(path.join(place, 'world-'));
  const { store = createMemoryStore() } = options;
  const commits: Commit[] = [];
  for (const [key, rows] of Object.entries(sites))
    for (const [number, shard] of shards.entries())
      commits.push(await storeShard({ store, folder, dtype }, shard, { number, x: rows(shard), key }));
  const segment = await writeSegment(store, [...commits].reverse());
  let spools = 0;
  return {
    store,
    folder,
    commits,
    segments: [segment],
    async context({ stop = new AbortController().signal, onProgress } = {}) {
      const spool = path.join(folder, `spool-${spools++}`);
      await mkdir(spool, { recursive: true });
      return makeContext(store, spool, {
        stop,
        onProgress,
        children: localChildren({ ...trainTasks, ...encodeTasks }),
      });
    },
  };
}

/** A context over a store, whose tasks are called in this process. */
export function makeContext(
  store: ObjectStore,
  spool: string,
  {
    stop,
    onProgress,
    children,
  }: Pick<StageContext, 'stop' | 'children'> & { readonly onProgress: ((step: number) => void) | undefined },
): StageContext {
  const signal = new AbortController().signal;
  return {
    store,
    spool,
    signal,
    stop,
    progress: (value) => onProgress?.(value.step ?? 0),
    cache: {
      async fetch(object) {
        const file = path.join(spool, object.sha256);
        await writeFile(file, (await store.get(object.key)) ?? new Uint8Array());
        return file;
      },
    },
    children,
  };
}

interface Place {
  readonly store: ObjectStore;
  readonly folder: string;
  readonly dtype: 'float16' | 'float32';
}

async function storeShard(
  { store, folder, dtype }: Place,
  shard: ShardSpec,
  { number, x, key }: { readonly number: number; readonly x: Float32Array; readonly key: string },
): Promise<Commit> {
  const width = x.length / shard.rows;
  const order = new KeyedRandom('permute', shard.name).permutation(shard.rows);
  const act = new Float32Array(x.length);
  order.forEach((row, i) => act.set(x.subarray(row * width, (row + 1) * width), i * width));
  const stored = dtype === 'float16' ? floatsToHalfs(act) : act;
  const file = path.join(folder, `${shard.name}-${key.slice(0, 8)}.arrow`);
  const writer = await TableWriter.open({
    table: 'activations',
    path: file,
    shard: shard.name,
    metadata: null,
    width,
    dtype,
  });
  await writer.write({
    doc: order.map((row) => number * 1000 + Math.floor(row / 50)),
    pos: order.map((row) => row % 50),
    act: stored,
  });
  const objects: ObjectRecord[] = [];
  for (const made of await writer.finish()) objects.push(await storeFile(store, shard.name, made));
  const input = sha256(shard.name);
  return {
    formatVersion: 1,
    stage: 'activations',
    key,
    input,
    inputs: {},
    shard: shard.name,
    split: shard.split,
    objects,
    statistics: moments(x, width),
    engine: null,
    attempt: 'test',
    wallMs: 0,
    committedMs: 0,
    producer: { version: '0', host: 'test', run: 'test', revision: 0 },
    prereg: null,
  };
}

/** Puts a spool file into the store and says where. */
export async function storeFile(store: ObjectStore, shard: string, file: SpoolFile): Promise<ObjectRecord> {
  const key = `data/${file.sha256.slice(0, 2)}/${file.sha256}.${file.extension}`;
  await store.putIfAbsent(key, await readFile(file.path));
  const { table, sha256: digest, bytes, rows, batches } = file;
  return { table, shard, key, sha256: digest, bytes, rows, batches: [...batches] };
}

/** As an activations commit states them; a damaged value is left out, so that a test can train on it. */
function moments(x: Float32Array, width: number): Record<string, unknown> {
  const sumX = new Float64Array(width);
  let sumSq = 0;
  x.forEach((value, i) => {
    if (!Number.isFinite(value)) return;
    sumX[i % width] = (sumX[i % width] as number) + value;
    sumSq += value * value;
  });
  return { rows: x.length / width, sumSq, sumX: Buffer.from(sumX.buffer).toString('base64') };
}

/** Where an output's file of a table lies. */
export function fileOf(output: StageOutput | undefined, table: string): string {
  return output?.files.find((file) => file.table === table)?.path ?? '';
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Settings of a small dictionary. */
export function trainConfig(name: string, sae: Partial<StoredSettings> = {}, width = WIDTH): TrainConfig {
  return {
    keyed: {
      activationsKey: sha256('activations'),
      site: SITE,
      dtype: 'float16',
      runSeed: 7,
      engine: ENGINE,
      sae: {
        architecture: 'topk',
        features: 64,
        k: 3,
        tokens: 40 * 128,
        batchRows: 128,
        lr: 3e-3,
        warmupSteps: 2,
        decayFraction: 0.2,
        betas: [0.9, 0.999],
        epsilon: 1e-8,
        clipNorm: null,
        auxK: 8,
        auxWeight: 1 / 32,
        deadAfterTokens: 512,
        logEverySteps: 5,
        seed: 1,
        ...sae,
      },
    },
    aux: { name, widths: [width] },
  };
}

/** Settings of encoding the harness's activations by a stored dictionary. */
export function encodeConfig(
  weights: ObjectRecord,
  aux: Pick<EncodeConfig['aux'], 'name' | 'architecture' | 'features' | 'settings'>,
): EncodeConfig {
  return {
    keyed: {
      dictionary: weights.sha256,
      activationsKey: sha256('activations'),
      dtype: 'float16',
      engine: ENGINE,
    },
    aux: { sites: { names: [SITE], ...oneSite(WIDTH) }, weights, ...aux },
  };
}
