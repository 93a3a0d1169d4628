// Rows 1 and 2 of the bench: what the pipeline costs around the forward pass. One process measures, alternating, the bare
// session loop on the cut graph and the whole activations task (tokens file → activations file), over the same contexts.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { KeyedRandom } from '../../core/tensor/random.js';
import { ORT_VERSION, type TensorValue } from '../../runtime/session.js';
import { runActivationsTask, type ActivationsRequest } from '../../stages/activations/task.js';
import { makeFeeds } from '../../models/feeds.js';
import { loadModel, prepareModel } from '../../models/model-session.js';
import { TableWriter } from '../../storage/tables/table-writer.js';
import { meets, type BenchRow } from '../row.js';
import { GPT2_SMALL, writeGpt2 } from './gpt2-model.js';

const SITE = 'blocks.5.hook_resid_post';
const CONTEXT = 128;
const BATCH = 8;
const THREADS = 2;
/** Tokens per second of peers where the bare loop of their own measurement gave 2,093 (bench/peers). */
const PEERS = [
  { name: 'Hugging Face stopped early', share: 1757 / 2093, must: '>= 1.05' },
  { name: 'TransformerLens', share: 1085 / 2093, must: '>= 1.7' },
];

export interface ExtractionOptions {
  /** Folder that keeps the model between runs (about 500 MB). */
  readonly cache?: string;
  /** Forward passes per measurement. */
  readonly passes?: number;
  /** Measurements of each kind. */
  readonly repeats?: number;
}

/** Rows 1 and 2. */
export async function benchExtraction(
  log: (text: string) => void,
  options: ExtractionOptions = {},
): Promise<BenchRow[]> {
  const { passes = 16, repeats = 5 } = options;
  const cache = options.cache ?? path.join('.cache', 'bench', 'gpt2-small');
  log(`writing or finding a GPT-2 of the small size in ${cache}`);
  const onnx = path.resolve(await writeGpt2(cache));
  const place = {
    onnx,
    external: [{ location: 'weights.bin', path: path.join(path.dirname(onnx), 'weights.bin') }],
  };
  const folder = await mkdtemp(path.join(tmpdir(), 'assay-bench-'));
  try {
    const ids = randomIds(passes * BATCH);
    const request: ActivationsRequest = {
      ...requestFor(place, folder),
      tokens: [await writeTokens(folder, ids)],
    };
    const bare = await bareLoop(place, ids, request.keyed.engine);
    const whole = (): Promise<unknown> => runActivationsTask(request, CONTEXT_OF_CHILD);
    log('warming up');
    await bare.run();
    await whole();
    const measured: { bare: number; whole: number }[] = [];
    for (let i = 0; i < repeats; i++) {
      const pair = {
        bare: await tokensPerSecond(passes, bare.run),
        whole: await tokensPerSecond(passes, whole),
      };
      log(`bare loop ${pair.bare.toFixed(0)}, whole ${pair.whole.toFixed(0)} tokens/s`);
      measured.push(pair);
    }
    await bare.release();
    return rows(measured, passes);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const CONTEXT_OF_CHILD = {
  stop: new AbortController().signal,
  alive: () => undefined,
  progress: (): void => undefined,
  ask: (): Promise<never> => Promise.reject(new RangeError('the bench answers nothing')),
};

function rows(measured: readonly { bare: number; whole: number }[], passes: number): BenchRow[] {
  const ratio = median(measured.map(({ bare, whole }) => whole / bare));
  const speed = `${median(measured.map((m) => m.bare)).toFixed(0)} and ${median(measured.map((m) => m.whole)).toFixed(0)} tokens/s`;
  const conditions = `GPT-2 small shape, random weights, ${SITE}, ${BATCH} x ${CONTEXT} tokens, ${THREADS} threads, ${passes} passes, median of ${measured.length} alternating pairs; ${speed}`;
  const bar = (value: number, must: string): Pick<BenchRow, 'value' | 'must' | 'met' | 'conditions'> => ({
    value,
    must,
    met: meets(value, must),
    conditions,
  });
  return [
    {
      row: 1,
      what: 'extraction: tokens/s of the whole task / bare session loop',
      ...bar(ratio, '>= 0.93'),
    },
    ...PEERS.map(({ name, share, must }) => ({
      row: 2,
      what: `extraction: tokens/s / ${name}`,
      ...bar(ratio / share, must),
    })),
  ];
}

function requestFor(place: ActivationsRequest['model'], spool: string): Omit<ActivationsRequest, 'tokens'> {
  const keyed = {
    tokensKey: '0'.repeat(64),
    model: { base: '0'.repeat(64), edits: [] },
    contextTokens: CONTEXT,
    prependId: 0,
    packing: 'document',
    dropPositions: [0],
    dtype: 'float16',
    batchTokens: BATCH * CONTEXT,
    engine: { ort: ORT_VERSION, provider: 'cpu', threads: THREADS, optimisation: 'all' },
  } as const;
  const wanted = [{ site: SITE, key: '1'.repeat(64) }];
  return {
    shard: 'bench',
    input: '2'.repeat(64),
    model: place,
    keyed,
    sites: [SITE],
    wanted,
    spool,
  };
}

/** The same ids as the task's contexts: token 0, then CONTEXT − 1 of a document's. */
async function bareLoop(
  place: ActivationsRequest['model'],
  ids: Uint32Array,
  engine: ActivationsRequest['keyed']['engine'],
): Promise<{ run: () => Promise<void>; release: () => Promise<void> }> {
  const { session, inputs, outputs, release } = await loadModel(await prepareModel(place, [SITE]), engine);
  const feeds: Record<string, TensorValue>[] = [];
  for (let from = 0; from < ids.length; from += BATCH * CONTEXT) {
    feeds.push(makeFeeds(inputs, { ids: ids.subarray(from, from + BATCH * CONTEXT), length: CONTEXT }));
  }
  const run = async (): Promise<void> => {
    for (const feed of feeds) await session.run(feed, outputs);
  };
  return { run, release };
}

function randomIds(contexts: number): Uint32Array {
  const random = new KeyedRandom('bench-ids');
  return Uint32Array.from({ length: contexts * CONTEXT }, (_, i) =>
    i % CONTEXT === 0 ? 0 : random.nextInt(GPT2_SMALL.vocab),
  );
}

/** A document per four contexts, so that tokens, packing and permutation do what they do on text. */
async function writeTokens(folder: string, ids: Uint32Array): Promise<string> {
  const file = path.join(folder, 'tokens.arrow');
  const own = ids.filter((_, i) => i % CONTEXT !== 0);
  const perDocument = 4 * (CONTEXT - 1);
  const documents = own.length / perDocument;
  const starts = Uint32Array.from(own, (_, i) => i % perDocument);
  const writer = await TableWriter.open({
    table: 'tokens',
    path: file,
    shard: 'bench',
    metadata: null,
  });
  await writer.write({
    doc: Uint32Array.from({ length: documents }, (_, i) => i),
    offsets: Uint32Array.from({ length: documents + 1 }, (_, i) => i * perDocument),
    ids: own,
    starts,
    ends: starts,
  });
  await writer.finish();
  return file;
}

async function tokensPerSecond(passes: number, work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (passes * BATCH * CONTEXT) / ((performance.now() - started) / 1000);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return ((sorted[(sorted.length - 1) >> 1] ?? NaN) + (sorted[sorted.length >> 1] ?? NaN)) / 2;
}
