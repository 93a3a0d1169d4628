// A dictionary in training on rows with structure, its steps timed beside its encoder product: Gemm in blocks and the largest of
// each, by ONNX Runtime with as many threads. In a process of its own.
import { readFileSync } from 'node:fs';
import { ARCHITECTURES } from '../../core/dictionaries/architectures.js';
import { completeSettings } from '../../core/dictionaries/settings.js';
import { GraphBuilder } from '../../core/onnx/builder.js';
import { KeyedRandom } from '../../core/tensor/random.js';
import { Session } from '../../runtime/session.js';
import { bytesOfStep } from '../../dictionaries/step-memory.js';
import { trainingSettings } from '../../dictionaries/step-settings.js';
import { FIRED_STEP } from '../../dictionaries/slice/tensors.js';
import type { EngineParts } from '../../stages/train/engines/engine.js';
import { FastEngine } from '../../stages/train/engines/fast-engine.js';

export interface Asked {
  readonly batchRows: number;
  readonly width: number;
  readonly features: number;
  readonly k: number;
  readonly slices: number;
  readonly moments: 'full' | 'row';
  readonly betas: readonly [number, number];
  /** Share of features that are dead in every step. */
  readonly dead: number;
  readonly steps: number;
  /** How candidates are found; default exact. */
  readonly candidates?: 'int8';
}

export interface Measured {
  /** Step ÷ product, one pair after the other. */
  readonly ratios: readonly number[];
  readonly stepMs: number;
  readonly productMs: number;
  /** First values. */
  readonly beginMs: number;
  /** Greatest resident memory of the process, GB of 2^30 bytes. */
  readonly peakGb: number;
  /** What the step lays out, GB: moments of rows that no step touched yet are not resident. */
  readonly laidOutGb: number;
  /** Bytes that cross between slices in a step. */
  readonly exchanged: number;
  /** Of the exact choice among candidates in 8 bits; null: candidates are exact. */
  readonly recall: number | null;
}

export const THREADS = 2;
export const ENGINE = { provider: 'cpu', threads: THREADS, optimisation: 'all', ort: '' } as const;
/** Features of one block of the product; of wide dictionaries no more are multiplied than these times the blocks below. */
const BLOCK = 4096;
const MOST_FEATURES = 131_072;

/** Steps and products in turn. */
export async function measure(asked: Asked): Promise<Measured> {
  const { batchRows, width, features, dead, steps } = asked;
  const product = await openProduct(asked);
  const parts = partsOf(asked);
  const engine = await FastEngine.create(parts);
  const beginMs = await timed(() => engine.begin());
  const pairs: { readonly step: number; readonly product: number }[] = [];
  for (let i = 0; i <= steps; i++) {
    const rows = rowsWithStructure(batchRows, width, i);
    const productMs = await timed(() => product.run(rows));
    if (dead > 0) await markDead(engine, { features, share: dead });
    const stepMs = await timed(() => engine.train([rows], { from: i, count: 1 }));
    if (i > 0) pairs.push({ step: stepMs, product: productMs }); // the first one warms up
  }
  const recall = engine.recall?.recall ?? null;
  await engine.release();
  await product.release();
  const of = (name: 'step' | 'product'): number => median(pairs.map((pair) => pair[name]));
  return {
    ...{
      ratios: pairs.map(({ step, product: beside }) => step / beside),
      stepMs: of('step'),
      productMs: of('product'),
      beginMs,
    },
    ...{ peakGb: peakBytes() / 2 ** 30, exchanged: engine.exchangedBytes, recall },
    laidOutGb: bytesOfStep(trainingSettings(parts)) / 2 ** 30,
  };
}

/** A topk dictionary in training, before its first step. */
export async function openEngine(asked: Asked): Promise<FastEngine> {
  const engine = await FastEngine.create(partsOf(asked));
  await engine.begin();
  return engine;
}

function partsOf({ batchRows, width, features, ...asked }: Asked): EngineParts {
  const sae = completeSettings(
    {
      ...{ architecture: 'topk', features, k: asked.k, tokens: batchRows * 1000, batchRows, seed: 1, lr: null },
      ...{ warmupSteps: 0, decayFraction: 0.2, betas: asked.betas, epsilon: 1e-8, clipNorm: null, auxK: null },
      ...{ auxWeight: 1 / 32, deadAfterTokens: batchRows * 500, logEverySteps: 10, slices: asked.slices },
      ...(asked.moments === 'row' && { moments: 'row' as const }),
      ...(asked.candidates && { candidates: asked.candidates }),
    },
    width,
  );
  const sites = { widths: [width], reads: [0], writes: [0] };
  return {
    ...{ shape: { kind: ARCHITECTURES.topk, sites, features }, sae, engine: ENGINE },
    ...{ scales: [1], means: [new Float64Array(width)], variance: width },
  };
}

/** Every n-th feature fired last so long ago that it is dead. */
async function markDead(
  engine: FastEngine,
  { features, share }: { readonly features: number; readonly share: number },
): Promise<void> {
  const every = Math.round(1 / share);
  const fired = new Int32Array(features).map((_, i) => (i % every === 0 ? -1e9 : 0));
  await engine.setCounter(FIRED_STEP, fired);
}

/** x W_encᵀ and the largest score of each row, block by block. */
async function openProduct({ batchRows, width, features }: Asked): Promise<{
  run(rows: Float32Array): Promise<void>;
  release(): Promise<void>;
}> {
  const g = new GraphBuilder('product');
  const x = g.input('x', 'float32', [batchRows, width]);
  const W = g.input('W', 'float32', ['features', width]);
  const z = g.op('Gemm', [x, W], { attributes: { transB: 1 } });
  g.output(g.op('ReduceMax', [z, g.integers(1)], { attributes: { keepdims: 0 }, name: 'largest' }));
  const session = await Session.create(g.toModelBytes(), { ...ENGINE });
  const block = Math.min(BLOCK, features);
  const weights = new Float32Array(block * width).map((_, i) => Math.sin(i));
  const multiplied = Math.min(features, MOST_FEATURES);
  return {
    run: async (rows) => {
      for (let done = 0; done < multiplied; done += block)
        await session.run({
          x: { dtype: 'float32', dims: [batchRows, width], data: rows },
          W: { dtype: 'float32', dims: [block, width], data: weights },
        });
    },
    release: () => session.release(),
  };
}

/** How many times the measured product the whole one is. */
export function productFactor({ features }: Pick<Asked, 'features'>): number {
  return features / Math.min(features, MOST_FEATURES);
}

/** Sums of six of 512 directions: some features win often, as on activations. */
export function rowsWithStructure(rows: number, width: number, step: number): Float32Array {
  const random = new KeyedRandom('bench', step);
  const directions = new KeyedRandom('bench', 'directions');
  const basis = Float32Array.from({ length: 512 * width }, () => directions.nextNormal());
  const values = new Float32Array(rows * width);
  for (let b = 0; b < rows; b++)
    for (let n = 0; n < 6; n++) {
      const [at, size] = [random.nextInt(512) * width, 0.2 + random.nextFloat()];
      for (let j = 0; j < width; j++)
        values[b * width + j] = (values[b * width + j] as number) + size * (basis[at + j] as number);
    }
  return values;
}

/** Milliseconds that it takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}

/** Threads share the memory of their process, so that its peak is that of all slices. */
function peakBytes(): number {
  const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return Number(kilobytes) * 1024;
}
