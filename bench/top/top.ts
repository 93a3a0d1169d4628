// Row 6 of the bench: the strongest examples of a uniformly drawn live feature, from a compacted dictionary of many shards,
// on a folder and on MinIO: requests, bytes and time of the list, and the time with contexts rendered.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startMinioServer } from '../../servers/minio.js';
import { KeyedRandom } from '../../core/tensor/random.js';
import { createFileStore } from '../../storage/objects/file-store.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { openStore } from '../../storage/objects/open-store.js';
import { newCounters, readBatches } from '../../storage/scan/batch-reader.js';
import { renderExamples } from '../../reading/dictionary/rendered-examples.js';
import { openDictionary, type Dictionary, type DictionaryObjects } from '../../reading/dictionary/dictionary.js';
import { planRanges } from '../../storage/scan/planner.js';
import { meets, type BenchRow } from '../row.js';
import { buildDictionary } from './build-dictionary.js';

export interface TopOptions {
  /** Firings of the dictionary; default 10^8. */
  readonly postings?: number;
  readonly shards?: number;
  readonly features?: number;
  /** Features drawn. */
  readonly draws?: number;
  /** Whether MinIO is measured too; needs the program. */
  readonly minio?: boolean;
}

const TOP_EXAMPLES = 64;
const RENDERED_EXAMPLES = 10;
const AROUND = 16;
const WARM_UP = 20;
const KIB = 1024;
const ACCOUNT = { user: 'assay-bench', password: 'assay-bench-secret', bucket: 'assay' };

interface Measured {
  readonly requests: number;
  readonly bytes: number;
  readonly listMs: number;
  readonly renderMs: number;
}

/** Row 6. */
export async function benchTop(log: (text: string) => void, options: TopOptions = {}): Promise<BenchRow[]> {
  const { postings = 1e8, shards = 200, features = 131_072, draws = 200, minio = true } = options;
  const folder = await mkdtemp(path.join(tmpdir(), 'assay-bench-top-'));
  try {
    log(`building ${postings} postings of ${features} features in ${shards} shards`);
    const store = createFileStore(path.join(folder, 'store'));
    const objects = await buildDictionary({
      postings,
      shards,
      features,
      topExamples: TOP_EXAMPLES,
      store,
      folder,
      log,
    });
    const stored = objects.indexed.reduce((sum, o) => (o.table === 'postings' ? sum + o.rows : sum), 0);
    const conditions = `${stored} postings, ${shards} shards, ${features} features, K ${TOP_EXAMPLES}, ${draws} live features drawn, 1 process`;
    const onFolder = await measure(store, objects, draws);
    const rows = [
      ...listRows(onFolder, { place: 'folder', must: '<= 10', conditions }),
      ...costRows(onFolder, conditions),
    ];
    if (minio) rows.push(...(await onMinio({ store, objects, folder, log }, draws, conditions)));
    return rows;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Place {
  readonly store: ObjectStore;
  readonly objects: DictionaryObjects;
  readonly folder: string;
  readonly log: (text: string) => void;
}

async function onMinio({ store, objects, folder, log }: Place, draws: number, conditions: string): Promise<BenchRow[]> {
  const server = await startMinioServer({ ...ACCOUNT, folder: path.join(folder, 'minio') });
  const before = { ...process.env };
  process.env['AWS_ACCESS_KEY_ID'] = ACCOUNT.user;
  process.env['AWS_SECRET_ACCESS_KEY'] = ACCOUNT.password;
  try {
    const storeOptions = {
      endpoint: server.endpoint,
      region: 'us-east-1',
      pathStyle: true,
      checksums: 'when_supported',
    } as const;
    const remote = await openStore(`s3://${ACCOUNT.bucket}/bench`, { storeOptions });
    log('copying the dictionary to MinIO');
    for (const { key } of [...objects.indexed, ...objects.encoded, ...objects.tokens]) {
      if (!objects.encoded.some((o) => o.key === key && o.table === 'postings')) await copy(store, remote, key);
    }
    const measured = await measure(remote, objects, draws);
    await remote.close();
    return listRows(measured, { place: 'MinIO', must: '<= 20', conditions });
  } finally {
    restore('AWS_ACCESS_KEY_ID', before);
    restore('AWS_SECRET_ACCESS_KEY', before);
    await server.stop();
  }
}

function restore(name: string, before: NodeJS.ProcessEnv): void {
  if (before[name] === undefined) Reflect.deleteProperty(process.env, name);
  else process.env[name] = before[name];
}

async function copy(from: ObjectStore, to: ObjectStore, key: string): Promise<void> {
  const bytes = await from.get(key);
  if (bytes) await to.putIfAbsent(key, bytes);
}

/** The dictionary is open; every list is of another feature. */
async function measure(store: ObjectStore, objects: DictionaryObjects, draws: number): Promise<Measured[]> {
  const dictionary = await openDictionary(store, objects);
  const live = await liveFeatures(dictionary);
  const random = new KeyedRandom('bench-top', 'draws');
  const measured: Measured[] = [];
  for (let i = 0; i < WARM_UP + draws; i++) {
    const feature = live[random.nextInt(live.length)] as number;
    const started = performance.now();
    const { examples, cost } = await dictionary.top(feature, TOP_EXAMPLES);
    const listed = performance.now();
    await renderExamples(
      dictionary,
      { feature, examples: examples.slice(0, RENDERED_EXAMPLES), around: AROUND },
      newCounters(),
    );
    const rendered = performance.now();
    if (i >= WARM_UP)
      measured.push({
        requests: cost.requests,
        bytes: cost.bytesFetched,
        listMs: listed - started,
        renderMs: rendered - listed,
      });
  }
  return measured;
}

async function liveFeatures({ store, objects }: Dictionary): Promise<number[]> {
  const plan = planRanges(
    objects.indexed.filter((o) => o.table === 'features'),
    {},
  );
  const live: number[] = [];
  for await (const { columns } of readBatches('features', plan, {
    store,
    counters: newCounters(),
  })) {
    columns.feature.forEach((feature, i) => {
      if (columns.silent[i] === 0) live.push(feature);
    });
  }
  return live;
}

function costRows(measured: readonly Measured[], conditions: string): BenchRow[] {
  const most = (of: (m: Measured) => number): number => Math.max(...measured.map(of));
  return [
    row({
      what: 'top: most requests for a list',
      value: most((m) => m.requests),
      must: '<= 2',
      conditions,
    }),
    row({
      what: 'top: most KiB for a list',
      value: most((m) => m.bytes) / KIB,
      must: '<= 512',
      conditions,
    }),
  ];
}

function listRows(
  measured: readonly Measured[],
  { place, must, conditions }: { readonly place: string; readonly must: string; readonly conditions: string },
): BenchRow[] {
  return [
    row({
      what: `top: p50 of a list on ${place}, ms`,
      value: median(measured.map((m) => m.listMs)),
      must,
      conditions,
    }),
    row({
      what: `top: p50 of rendering ${RENDERED_EXAMPLES} contexts on ${place}, ms`,
      value: median(measured.map((m) => m.renderMs)),
      must: null,
      conditions,
    }),
  ];
}

function row(line: Omit<BenchRow, 'row' | 'met'>): BenchRow {
  return { ...line, row: 6, met: line.must === null ? null : meets(line.value, line.must) };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
