// Row `routed`: time per token of 64 frozen experts of 16,384 features against one dictionary of 16,384 features, in training (a step of an
// expert on 1,024 of its rows, and what it takes to sort a row to its expert) and in encoding. In a fresh process, in turn.
import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ARCHITECTURES } from '../../core/dictionaries/architectures.js';
import { oneSite } from '../../core/dictionaries/sites.js';
import { floatsToHalfs } from '../../core/tensor/half.js';
import { KeyedRandom } from '../../core/tensor/random.js';
import { AppliedDictionary, type WeightReader } from '../../dictionaries/applied.js';
import { RoutedDictionary } from '../../dictionaries/routed.js';
import { parametersOf } from '../../core/dictionaries/state.js';
import { writeRoutes } from '../../stages/train/routed/routes-file.js';
import { sortRowsTask } from '../../stages/train/routed/rows-task.js';
import { TableWriter } from '../../storage/tables/table-writer.js';
import { type BenchRow, meets } from '../row.js';
import { type Asked, ENGINE, median, openEngine, rowsWithStructure, timed } from './measure.js';

const ENTRY = fileURLToPath(import.meta.url);
const CHILD = 'routed-measurement';
const [WIDTH, FEATURES, EXPERTS, K] = [768, 16_384, 64, 32];
/** Rows of an expert's step, and of the plain dictionary's. */
const [EXPERT_ROWS, PLAIN_ROWS] = [1024, 2048];
/** Rows of the shard that is sorted. */
const SHARD_ROWS = 16_384;
/** Experts that are in memory at once when encoding is timed: 64 take 6 GiB, and a row costs the same. */
const ENCODE_EXPERTS = 8;

interface Measured {
  /** Milliseconds per row. */
  readonly plain: number;
  readonly expert: number;
  readonly sorting: number;
  readonly plainEncode: number;
  readonly routedEncode: number;
}

export async function benchRouted(log: (text: string) => void): Promise<BenchRow[]> {
  const found = await inFreshProcess();
  const us = (ms: number): string => `${(1000 * ms).toFixed(0)} µs`;
  log(`plain ${us(found.plain)}, expert ${us(found.expert)}, sorting ${us(found.sorting)} a row`);
  const must = '<= 1.6';
  const value = (found.expert + found.sorting) / found.plain;
  const sizes = `${EXPERTS} × 16,384 features, width ${WIDTH}, k ${K}, 2 threads`;
  return [
    {
      ...{
        row: 'routed',
        what: 'frozen experts in training: time per token ÷ that of one of 16,384 features',
        value,
        must,
      },
      met: meets(value, must),
      conditions: `${sizes}; ${EXPERT_ROWS} rows per expert step and the sorting of rows (read, routed, written) against steps of ${PLAIN_ROWS} rows: ${us(found.expert)} + ${us(found.sorting)} and ${us(found.plain)} a token; routes are found once and are not in it`,
    },
    {
      ...{ row: 'routed', what: 'frozen experts in encoding: time per token ÷ that of one of 16,384 features' },
      ...{ value: found.routedEncode / found.plainEncode, must: null, met: null },
      conditions: `${ENCODE_EXPERTS} × 16,384 features, batches of 16,384 rows sorted by expert against batches of 1,024: ${us(found.routedEncode)} and ${us(found.plainEncode)} a token`,
    },
  ];
}

async function measure(): Promise<Measured> {
  const asked = (batchRows: number): Asked => ({
    ...{ batchRows, width: WIDTH, features: FEATURES, k: K, slices: 2, moments: 'full' },
    ...{ betas: [0.9, 0.999], dead: 0, steps: 7 },
  });
  const [plain, expert] = [await openEngine(asked(PLAIN_ROWS)), await openEngine(asked(EXPERT_ROWS))];
  const times: { readonly plain: number; readonly expert: number }[] = [];
  for (let i = 0; i <= 7; i++) {
    const rows = rowsWithStructure(PLAIN_ROWS, WIDTH, i);
    const own = rows.subarray(0, EXPERT_ROWS * WIDTH);
    const plainMs = await timed(() => plain.train([rows], { from: i, count: 1 }));
    const expertMs = await timed(() => expert.train([own], { from: i, count: 1 }));
    if (i > 0) times.push({ plain: plainMs / PLAIN_ROWS, expert: expertMs / EXPERT_ROWS }); // the first warms up
  }
  await plain.release();
  await expert.release();
  return {
    plain: median(times.map((one) => one.plain)),
    expert: median(times.map((one) => one.expert)),
    sorting: await timeSorting(),
    ...(await timeEncoding()),
  };
}

/** The item of the step that sorts a shard by expert: read, routed, written. */
async function timeSorting(): Promise<number> {
  const spool = await mkdtemp(path.join(os.tmpdir(), 'assay-bench-routed-'));
  try {
    const file = path.join(spool, 'activations.arrow');
    const rows = rowsWithStructure(SHARD_ROWS, WIDTH, 0);
    const writer = await TableWriter.open({
      ...{ table: 'activations', path: file, shard: 'bench', metadata: null, width: WIDTH, dtype: 'float16' },
    });
    const numbers = Uint32Array.from({ length: SHARD_ROWS }, (_, i) => i);
    await writer.write({ doc: numbers, pos: numbers, act: floatsToHalfs(rows) });
    await writer.finish();
    const routes = path.join(spool, 'routes.safetensors');
    const centres = rowsWithStructure(EXPERTS, WIDTH, 1);
    const bias = Float32Array.from(
      { length: EXPERTS },
      (_, e) => -centres.subarray(e * WIDTH, (e + 1) * WIDTH).reduce((sum, v) => sum + v * v, 0),
    );
    const moments = { rows: SHARD_ROWS, sumSq: 1, sumX: new Float64Array(WIDTH) };
    const W_router = centres.map((v) => 2 * v);
    await writeRoutes(routes, { W_router, b_router: bias, means: centres, moments }, {});
    const request = {
      ...{ spool, key: 'bench', shard: 'bench', activations: [file], routes },
      config: {
        keyed: {
          part: 'rows' as const,
          routes: '',
          activationsKey: '',
          dtype: 'float16' as const,
          experts: EXPERTS,
          engine: ENGINE,
        },
        aux: { width: WIDTH, site: '', model: '', name: '', routes: { key: '', sha256: '', bytes: 0 } },
      },
    };
    const context = { stop: new AbortController().signal, progress: () => undefined, alive: () => undefined, ask: () => Promise.reject(new RangeError('nobody answers')) }; // prettier-ignore
    const times: number[] = [];
    for (let i = 0; i < 4; i++) times.push(await timed(() => sortRowsTask(request, context)));
    return median(times.slice(1)) / SHARD_ROWS;
  } finally {
    await rm(spool, { recursive: true });
  }
}

async function timeEncoding(): Promise<Pick<Measured, 'plainEncode' | 'routedEncode'>> {
  const one = { kind: ARCHITECTURES.topk, sites: oneSite(WIDTH), features: FEATURES };
  const routed = { experts: ENCODE_EXPERTS, kind: 'frozen' as const };
  const many = { ...one, sites: { ...one.sites, routed }, features: FEATURES * ENCODE_EXPERTS };
  const common = { architecture: 'topk', settings: { k: K }, engine: ENGINE } as const;
  const [plainRows, routedRows] = [1024, 16_384];
  const plain = await AppliedDictionary.open({ ...common, shape: one, batchRows: plainRows }, readerOf(one));
  const split = await RoutedDictionary.open({ ...common, shape: many, batchRows: routedRows }, readerOf(many));
  const x = rowsWithStructure(routedRows, WIDTH, 0);
  const first = x.subarray(0, plainRows * WIDTH);
  const times: { readonly plain: number; readonly routed: number }[] = [];
  for (let i = 0; i < 4; i++)
    times.push({
      plain: (await timed(() => plain.apply({ reads: [first], writes: [first] }))) / plainRows,
      routed: (await timed(() => split.apply({ reads: [x], writes: [x] }))) / routedRows,
    });
  await plain.release();
  await split.release();
  const of = (name: 'plain' | 'routed'): number => median(times.slice(1).map((own) => own[name]));
  return { plainEncode: of('plain'), routedEncode: of('routed') };
}

/** Random weights. */
function readerOf(shape: Parameters<typeof parametersOf>[0]): WeightReader {
  const random = new KeyedRandom('bench', 'weights');
  return (name, _, count) => {
    const axes = parametersOf(shape).find((own) => own.name === name)?.shape ?? [];
    const width = axes.slice(1).reduce((a, b) => a * b, 1);
    return Promise.resolve(Float32Array.from({ length: count * width }, () => random.nextFloat() - 0.5));
  };
}

function inFreshProcess(): Promise<Measured> {
  const child = fork(ENTRY, [CHILD], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  return new Promise((resolve, reject) => {
    child.on('message', (measured) => {
      resolve(measured as Measured);
    });
    child.on('error', reject);
    child.on('exit', (code) => {
      reject(new RangeError(`A measurement of routed dictionaries ended with exit code ${code ?? 'none'}.`));
    });
  });
}

if (process.argv[2] === CHILD) {
  process.send?.(await measure());
  process.disconnect();
}
